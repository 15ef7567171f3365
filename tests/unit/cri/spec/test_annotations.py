"""The annotations of config.json, rule by rule: CRI-O f954a17e internal/factory/container/container.go:179."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pycoco.cri import CrioSettings, SandboxState, runtime_config
from pycoco.cri.spec.annotations import allowed, check_labels
from pycoco.errors import ContainerConfigError
from tests.unit.cri import samples

PLAIN = CrioSettings(kata_annotations=False)
OWN = "io.kubernetes.cri-o."


def written(config: dict[str, Any] | None = None, settings: CrioSettings = PLAIN, **request: Any) -> dict[str, str]:
    request = {"container": samples.container(), "sandbox": samples.sandbox(), "container_id": "c1"} | request
    found: dict[str, str] = runtime_config(samples.image(config), settings=settings, **request).config["annotations"]
    return found


def test_everything_crio_writes() -> None:
    image = samples.image({"StopSignal": "SIGINT"})
    digest, config_id = image.digest, image.config_digest.partition(":")[2]
    found = written(
        {"StopSignal": "SIGINT"},
        container=samples.container(
            annotations={"b": "<2>", "a": "1"}, labels={"l": "m"}, tty=True, log_path="app/0.log"
        ),
        sandbox=samples.sandbox(annotations={"of": "pod"}, log_directory="/var/log/pods/p"),
        sandbox_state=SandboxState(
            id="s1", resolv_path="/run/resolv.conf", ips=("10.0.0.5",), namespaces={"pid": "/p"}
        ),
        created=datetime(2026, 8, 21, 12, 0, 0, 120000, timezone.utc),
    )
    assert found == {
        "io.container.manager": "cri-o",
        OWN + "Annotations": '{"a":"1","b":"\\u003c2\\u003e"}',
        OWN + "ContainerID": "c1",
        OWN + "ContainerType": "container",
        OWN + "Created": "2026-08-21T12:00:00.12Z",
        OWN + "IP.0": "10.0.0.5",
        OWN + "Image": samples.REFERENCE,
        OWN + "ImageName": f"{samples.REPOSITORY}@{digest}",
        OWN + "ImageRef": config_id,
        OWN + "ImageRepoDigests": f"{samples.REPOSITORY}@{digest}",
        OWN + "Labels": '{"l":"m"}',
        OWN + "LogPath": "/var/log/pods/p/app/0.log",
        OWN + "Metadata": '{"name":"app"}',
        OWN + "MountPoint": "rootfs",
        OWN + "Name": "k8s_app_pod_shop_u-1_0",
        OWN + "ResolvPath": "/run/resolv.conf",
        OWN + "SandboxID": "s1",
        OWN + "SandboxName": "k8s_pod_shop_u-1_2",
        OWN + "SeccompProfilePath": "",
        OWN + "Stdin": "false",
        OWN + "StdinOnce": "false",
        OWN + "TTY": "true",
        OWN + "Volumes": "[]",
        "a": "1",
        "b": "<2>",
        "l": "m",
        "of": "pod",
        "org.opencontainers.image.stopSignal": "SIGINT",
        "org.systemd.property.After": "['crio.service']",
        "org.systemd.property.DefaultDependencies": "true",
        "platform-runtime-path.crio.io": "",
    }
    assert list(found) == sorted(found)


def test_empty_maps_are_null_and_the_attempt_is_left_out_when_zero() -> None:
    found = written(container=samples.container(metadata={"name": "app", "attempt": 3}, labels={}))
    assert found[OWN + "Labels"] == found[OWN + "Annotations"] == "null"
    assert found[OWN + "Metadata"] == '{"name":"app","attempt":3}'
    assert found[OWN + "Name"].endswith("_3")


def test_the_image_s_labels_and_the_manifest_s_annotations_do_not_get_here() -> None:
    image = samples.image({"Labels": {"from": "image"}}, annotations={"from": "manifest"})
    found = runtime_config(image, container=samples.container()).config["annotations"]
    assert "from" not in found


def test_two_digests_for_an_index() -> None:
    image = samples.image(index=[{"digest": "self", "platform": {"os": "linux", "architecture": "amd64"}}])
    found = runtime_config(image).config["annotations"]
    expected = sorted(f"{samples.REPOSITORY}@{digest}" for digest in (image.digest, image.instance_digest))
    assert found[OWN + "ImageRepoDigests"] == ",".join(expected)
    assert found[OWN + "ImageName"] == f"{samples.REPOSITORY}@{image.digest}"


@pytest.mark.parametrize(
    ("pin", "reference", "name"),
    [
        (False, samples.REFERENCE, samples.REFERENCE),
        (False, f"{samples.REPOSITORY}@sha256:{'0' * 64}", "pinned"),
        (True, samples.REFERENCE, "pinned"),
        (True, "oci:/srv/layout:v1", ""),
    ],
)
def test_the_name_the_guest_pulls(pin: bool, reference: str, name: str) -> None:
    image = samples.image(reference=reference)
    found = runtime_config(image, pin=pin).config["annotations"]
    expected = image.pinned if name == "pinned" else name
    assert found[OWN + "ImageName"] == found["io.kubernetes.cri.image-name"] == expected


def test_the_requested_image_is_kept_as_it_was_given() -> None:
    found = written(container=samples.container(image={"image": "0123abcd", "user_specified_image": "app:v1"}))
    assert found[OWN + "Image"] == "0123abcd"


def test_kata_s_own_names() -> None:
    found = written(settings=CrioSettings(), sandbox_state=SandboxState(id="s1", namespaces={"pid": "/p"}))
    assert found["io.kubernetes.cri.container-type"] == "container"
    assert found["io.kubernetes.cri.sandbox-id"] == "s1"
    assert found["io.kubernetes.cri.sandbox-namespace"] == "shop"
    assert found["io.kubernetes.cri.container-name"] == "app"
    assert not any(name.startswith("io.kubernetes.cri.") for name in written())


def test_without_a_sandbox_nothing_claims_one() -> None:
    """kata does not start a "container" of a sandbox that it does not run."""
    found = written(settings=CrioSettings(), sandbox=None)
    assert not [name for name in found if "sandbox" in name.lower() or "type" in name.lower()]
    assert found["io.kubernetes.cri.image-name"].startswith(samples.REPOSITORY)
    of_unknown = written(settings=CrioSettings())
    assert of_unknown["io.kubernetes.cri.container-type"] == "container"
    assert not {"io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"} & set(of_unknown)
    of_pod = written(settings=CrioSettings(), sandbox_state=SandboxState(id="s1", namespaces={"pid": "/p"}))
    assert of_pod["io.kubernetes.cri-o.SandboxID"] == "s1"
    assert of_pod["io.kubernetes.cri-o.ContainerType"] == "container"


def test_without_cri_o_s_own() -> None:
    """genpolicy knows no such annotations, and its policy refuses them."""
    settings = CrioSettings(crio_annotations=False)
    found = written(settings=settings, sandbox=None, container=samples.container(annotations={"own": "1"}))
    assert set(found) == {"own", "io.kubernetes.cri.image-name", "io.kubernetes.cri.container-name"}


@pytest.mark.parametrize(
    ("requested", "of_image", "expected"),
    [
        (None, "SIGINT", "SIGINT"),
        (0, "SIGINT", "SIGINT"),
        ("SIGUSR1", "SIGINT", "SIGUSR1"),
        ("SIGUSR1", "", "SIGUSR1"),
        (None, "junk", "junk"),
        (None, "", None),
    ],
)
def test_stop_signal(requested: object, of_image: str, expected: str | None) -> None:
    """server/container_create.go:1587-1597; internal/factory/container/container.go:316."""
    request = samples.container(**({} if requested is None else {"stop_signal": requested}))
    found = written({"StopSignal": of_image} if of_image else {}, container=request)
    assert found.get("org.opencontainers.image.stopSignal") == expected


def test_platform_runtime_path() -> None:
    """server/container_create.go:1580."""
    settings = CrioSettings(kata_annotations=False, platform_runtime_paths={"linux/amd64": "/usr/bin/special"})
    assert written(settings=settings)["platform-runtime-path.crio.io"] == "/usr/bin/special"


def test_systemd_properties() -> None:
    """Of every container under that cgroup manager, whatever it runs."""
    request = samples.container(annotations={"io.kubernetes.pod.terminationGracePeriod": "30"})
    found = written(container=request)
    assert found["org.systemd.property.TimeoutStopUSec"] == "uint64 30000000"
    assert found["org.systemd.property.DefaultDependencies"] == "true"
    cgroupfs = CrioSettings(kata_annotations=False, cgroup_manager="cgroupfs")
    assert "org.systemd.property.After" not in written(settings=cgroupfs, container=request)


def test_tracing_is_asked_for_one_container() -> None:
    """container.go:203: the name of the container is taken off the annotation's."""
    asked = {"io.containers.trace-syscall/app": "of:/tmp/a", "io.containers.trace-syscall/other": "of:/tmp/b"}
    of_handler = CrioSettings(allowed_annotations=("io.containers.trace-syscall",))
    found = written(sandbox=samples.sandbox(annotations=asked), settings=of_handler)
    assert found["io.containers.trace-syscall"] == "of:/tmp/a"
    assert found[OWN + "Annotations"] == "null"
    annotated = samples.container(annotations={"a": "b"})
    found = written(container=annotated, sandbox=samples.sandbox(annotations=asked), settings=of_handler)
    assert json.loads(found[OWN + "Annotations"]) == {"a": "b", "io.containers.trace-syscall": "of:/tmp/a"}


def test_a_handler_s_own_annotations() -> None:
    """default_annotations are the pod's unless it has its own, and are not filtered (prepareKubeAnnotations)."""
    of_handler = CrioSettings(default_annotations={"umask.crio.io": "0007", "a": "handler", "b": "handler"})
    config = runtime_config(
        samples.image(),
        container=samples.container(),
        sandbox=samples.sandbox(annotations={"a": "pod"}),
        settings=of_handler,
    ).config
    found = {name: config["annotations"].get(name) for name in ("umask.crio.io", "a", "b")}
    assert found == {"umask.crio.io": "0007", "a": "pod", "b": "handler"}
    assert config["process"]["user"]["umask"] == 7
    evil = CrioSettings(default_annotations={"io.kubernetes.cri.container-type": "sandbox"})
    assert runtime_config(samples.image(), settings=evil).reserved_names == ("io.kubernetes.cri.container-type",)


def test_annotations_that_are_not_allowed_are_dropped() -> None:
    """pkg/config/workloads.go FilterDisallowedAnnotations, by prefix. A handler of one's own allows none."""
    given = {
        "umask.crio.io": "077",
        "io.kubernetes.cri-o.umask": "077",
        "run.oci.keep_original_groups": "1",
        "io.kubernetes.cri.container-type": "sandbox",
        "org.systemd.property.Slice": "'x'",
        "seccomp-profile.crio.io/app": "evil",
        "devices.crio.io": "/dev/fuse",
        "io.kubernetes.cri-o.Devices": "/dev/fuse",
        "fine": "1",
    }
    assert set(allowed(given, CrioSettings())) == {"fine"}
    found = written(container=samples.container(annotations=given), sandbox=samples.sandbox(annotations=given))
    assert not {"umask.crio.io", "run.oci.keep_original_groups"} & set(found)
    nothing_left = written(container=samples.container(annotations={"run.oci.handler": "krun"}))
    assert nothing_left[OWN + "Annotations"] == "{}"


@pytest.mark.parametrize(
    ("present", "deprecated"),
    [("umask.crio.io", "io.kubernetes.cri-o.umask"), ("devices.crio.io", "io.kubernetes.cri-o.Devices")],
)
def test_a_name_is_allowed_by_itself_only(present: str, deprecated: str) -> None:
    """pkg/config/config.go validateAllowedAndGenerateDisallowedAnnotations: neither stands for the other."""
    given = {present: "1", deprecated: "2"}
    assert allowed(given, CrioSettings(allowed_annotations=(present,))) == {present: "1"}
    assert allowed(given, CrioSettings(allowed_annotations=(deprecated,))) == {deprecated: "2"}


def test_an_allowed_annotation_that_cri_o_does_not_know() -> None:
    with pytest.raises(ContainerConfigError, match=r"invalid allowed_annotation 'devices\.cri\.io'"):
        allowed({}, CrioSettings(allowed_annotations=("devices.cri.io",)))


def test_long_labels_are_refused() -> None:
    """server/utils.go:31."""
    check_labels({"a" * 96: "b" * 4000})
    with pytest.raises(ContainerConfigError, match="4096 bytes"):
        check_labels({"a" * 97: "b" * 4000})
    with pytest.raises(ContainerConfigError, match="4096 bytes"):
        written(container=samples.container(labels={"a": "é" * 2048}))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 10, timezone.utc), "2026-01-02T03:04:05.00001Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 500000, timezone(timedelta(hours=2))), "2026-01-02T03:04:05.5+02:00"),
    ],
)
def test_created(moment: datetime, expected: str) -> None:
    assert written(created=moment)[OWN + "Created"] == expected
