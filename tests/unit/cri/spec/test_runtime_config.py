"""The whole config.json: its schema, and the rules that lie between the parts. Line numbers are CRI-O's at f954a17e."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri import (
    ContainerConfig,
    CrioSettings,
    ImageVolumes,
    PodSandboxConfig,
    RuntimeConfig,
    SandboxState,
    Ulimit,
    runtime_config,
)
from pycoco.errors import ContainerConfigError, ManifestError
from tests.support.tools import MISSING_TOOL
from tests.unit.cri import samples

RUNTIME_SPEC = "github.com/opencontainers/runtime-spec@v1.3.0"
"""The module whose schema/ is the runtime-spec's own JSON schema; the version is the one CRI-O builds with."""

Validate = Callable[[dict[str, Any]], None]


def _schema_directory() -> Path:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    try:
        listed = subprocess.run(
            [go, "mod", "download", "-json", RUNTIME_SPEC], capture_output=True, check=True, timeout=50, cwd="/"
        )
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "stdout", b"") or error
        pytest.skip(f"{MISSING_TOOL} go, or the Go module proxy: {RUNTIME_SPEC} cannot be had: {why!r}")
    return Path(json.loads(listed.stdout)["Dir"]) / "schema"


@pytest.fixture(scope="session")
def validate() -> Validate:
    """Check a config.json against config-schema.json of the runtime-spec."""
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    draft4 = pytest.importorskip("referencing.jsonschema").DRAFT4
    directory = _schema_directory()

    def retrieve(name: str) -> Any:
        path = directory / name.rpartition("/")[2]
        return referencing.Resource.from_contents(json.loads(path.read_text()), default_specification=draft4)

    schema = json.loads((directory / "config-schema.json").read_text())
    validator = jsonschema.Draft4Validator(schema, registry=referencing.Registry(retrieve=retrieve))

    def check(config: dict[str, Any]) -> None:
        assert [error.message for error in validator.iter_errors(json.loads(json.dumps(config)))] == []

    return check


def made(config: dict[str, Any] | None = None, **request: Any) -> RuntimeConfig:
    return runtime_config(samples.image(config), **request)


FULL = samples.container(
    metadata={"name": "app", "attempt": 1},
    envs=[{"key": "A", "value": "1"}],
    mounts=[
        {
            "host_path": "/etc",
            "container_path": "/host-etc",
            "readonly": True,
            "uidMappings": [{"host_id": 1, "container_id": 0, "length": 5}],
        }
    ],
    devices=[{"host_path": "/dev/null", "container_path": "/dev/x", "permissions": "rwm"}],
    labels={"l": "m"},
    annotations={"a": "b"},
    tty=True,
    stop_signal=10,
    linux={
        "resources": {
            "cpu_period": 100000,
            "cpu_quota": 50000,
            "cpu_shares": 512,
            "memory_limit_in_bytes": 2**30,
            "oom_score_adj": 999,
            "cpuset_cpus": "0",
            "hugepage_limits": [{"page_size": "2MB", "limit": 0}],
            "unified": {"memory.high": "1"},
        },
        "security_context": {
            "run_as_user": {"value": 1000},
            "run_as_group": {"value": 2000},
            "supplemental_groups": [5],
            "readonly_rootfs": True,
            "no_new_privs": True,
            "capabilities": {"add_capabilities": ["NET_ADMIN"], "drop_capabilities": ["KILL"]},
            "masked_paths": ["/proc/kcore"],
            "readonly_paths": ["/proc/sys"],
            "namespace_options": {"pid": 1},
            "seccomp": {"profile_type": 1},
            "apparmor": {"profile_type": 2, "localhost_ref": "localhost/mine"},
        },
    },
)
POD = samples.sandbox(hostname="web", linux={"cgroup_parent": "pod.slice"}, annotations={"umask.crio.io": "077"})
STATE = SandboxState(id="s1", resolv_path="/r", shm_path="/s", ips=("10.0.0.1",), namespaces={"network": "/n"})
NODE = CrioSettings(
    apparmor=True, default_ulimits=(Ulimit(name="nofile", soft=1, hard=2),), allowed_annotations=("umask.crio.io",)
)
PRIVILEGED = {"linux": {"security_context": {"privileged": True}}}

REQUESTS: list[dict[str, Any]] = [
    {},
    {"container": FULL, "sandbox": POD, "sandbox_state": STATE, "settings": NODE},
    {"container": samples.with_context(privileged=True), "sandbox": samples.sandbox(**PRIVILEGED)},
    {"container": samples.container(command=["/sbin/init"])},
    {"container": samples.with_context(run_as_username="app")},
    {"settings": CrioSettings(image_volumes=ImageVolumes.BIND, cgroup_v2=False, read_only=True)},
]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("config", [{}, {"User": "5:6", "Volumes": {"/v": {}}, "WorkingDir": "/w", "Env": ["A=b"]}])
def test_schema(validate: Validate, config: dict[str, Any], request_: dict[str, Any]) -> None:
    validate(made(config, **request_).config)


def test_the_schema_check_finds_mistakes(validate: Validate) -> None:
    config = made().config
    config["process"]["env"] = "PATH=/"
    with pytest.raises(AssertionError, match="PATH"):
        validate(config)


def test_everything_requested_is_there() -> None:
    config = made(container=FULL, sandbox=POD, sandbox_state=STATE, settings=NODE, container_id="c1").config
    process, linux = config["process"], config["linux"]
    assert process["terminal"] is True
    assert process["user"] == {"uid": 1000, "gid": 2000, "additionalGids": [2000, 5], "umask": 0o77}
    assert process["noNewPrivileges"] is True
    assert process["oomScoreAdj"] == 999
    assert process["rlimits"] == [{"type": "RLIMIT_NOFILE", "hard": 2, "soft": 1}]
    assert process["apparmorProfile"] == "mine"
    assert process["capabilities"]["bounding"][0] == "CAP_NET_ADMIN"
    assert "CAP_KILL" not in process["capabilities"]["bounding"]
    assert config["root"] == {"path": "rootfs", "readonly": True}
    assert config["hostname"] == "web"
    assert "HOSTNAME=web" in process["env"]
    assert linux["cgroupsPath"] == "pod.slice:crio:c1"
    assert linux["readonlyPaths"] == ["/proc/sys"]
    assert "/proc/kcore" in linux["maskedPaths"]
    assert linux["resources"]["unified"] == {"memory.high": "1"}
    assert linux["devices"][0]["path"] == "/dev/x"


def test_typed_messages_and_json_give_the_same() -> None:
    arguments: dict[str, Any] = {"container_id": "c1", "created": None}
    typed = made(container=ContainerConfig.from_json(FULL), sandbox=PodSandboxConfig.from_json(POD), **arguments)
    text = made(container=json.dumps(FULL), sandbox=json.dumps(POD).encode(), **arguments)
    for config in (typed.config, text.config):
        del config["annotations"]["io.kubernetes.cri-o.Created"]
    assert typed.config == text.config


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        (None, None, ["/entry", "serve"]),
        ([], [], ["/entry", "serve"]),
        ([], ["a"], ["/entry", "a"]),
        (["cmd"], [], ["cmd"]),
        (["cmd"], ["a"], ["cmd", "a"]),
    ],
)
def test_command_and_args(command: list[str] | None, args: list[str] | None, expected: list[str]) -> None:
    """internal/factory/container/container.go:592; an empty list in JSON is nil to CRI-O, for gRPC drops it."""
    fields = {"command": command, "args": args}
    found = made({"Entrypoint": ["/entry"], "Cmd": ["serve"]}, container=samples.container(**fields))
    assert found.config["process"]["args"] == expected


def test_no_command() -> None:
    with pytest.raises(ContainerConfigError, match="no command specified"):
        made({"Cmd": None})


def test_an_image_s_variable_without_equals_sign() -> None:
    """server/container_create.go:1026-1029: CRI-O panics, unless the request has variables (server/utils.go:66)."""
    with pytest.raises(ContainerConfigError, match="BROKEN"):
        made({"Env": ["BROKEN"]})
    found = made({"Env": ["BROKEN", "B=2"]}, container=samples.container(envs=[{"key": "A", "value": "1"}]))
    assert found.config["process"]["env"][-2:] == ["A=1", "B=2"]


def test_the_image_s_user_counts_with_an_empty_security_context() -> None:
    """server/container_create.go:375."""
    found = made({"User": "1000:2000"}, container=samples.container())
    assert found.config["process"]["user"] == {"uid": 1000, "gid": 2000, "additionalGids": [2000]}
    assert not found.needs_passwd
    assert not found.needs_group


@pytest.mark.parametrize("linux", [None, {}, {"resources": {}}])
def test_without_a_security_context_crio_runs_it_as_root(linux: dict[str, Any] | None) -> None:
    """server/container_create_linux.go:86 and :721: the context it makes up has RunAsUser 0."""
    found = made({"User": "1000"}, container=samples.container(linux=linux))
    assert found.config["process"]["user"]["uid"] == 0
    assert "runs it as root and not as '1000'" in found.warnings[0]
    assert found.config["annotations"]["io.kubernetes.cri-o.SeccompProfilePath"] == "RuntimeDefault"
    assert not any(
        "as root" in warning for warning in made({"User": "0"}, container=samples.container(linux=linux)).warnings
    )


def test_without_a_request_the_image_s_own_user_runs_its_own_command() -> None:
    found = made({"User": "1000:1000", "Entrypoint": ["/entry"]})
    assert found.config["process"]["user"]["uid"] == 1000
    assert found.config["process"]["args"] == ["/entry", "/bin/app"]
    assert found.config["linux"]["namespaces"][0] == {"type": "pid"}
    assert "cgroupsPath" not in found.config["linux"]
    assert len(found.container_id) == 64
    assert "/proc/kcore" in found.config["linux"]["maskedPaths"]
    assert "/proc/sys" in found.config["linux"]["readonlyPaths"]


def test_a_named_user_is_not_guessed() -> None:
    found = made({"User": "app"})
    assert found.needs_passwd
    assert found.needs_group
    assert not found.user.resolved
    assert found.config["process"]["user"] == {"username": "app"}
    assert "no uid" in found.warnings[-1] + found.warnings[0]
    known = made({"User": "app"}, passwd=b"app:x:10:20::/:/bin/sh\n", group=b"")
    assert known.config["process"]["user"] == {"uid": 10, "gid": 20, "additionalGids": [20]}
    assert not known.needs_passwd


def test_passwd_and_group_are_written_for_an_unknown_user() -> None:
    """server/container_create.go:226: HOME from the environment, else "/", the directory not being set yet."""
    passwd, group = b"root:x:0:0:::\n", b"root:x:0:\n"
    asked = samples.with_context(run_as_user={"value": 7}, run_as_group={"value": 8})
    found = made({"WorkingDir": "/srv"}, container=asked, passwd=passwd, group=group, directory="/b")
    assert found.files == {"passwd": passwd + b"7:x:7:0:7 user:/:/sbin/nologin\n", "group": group + b"8:x:8:\n"}
    mounts = {entry["destination"]: entry for entry in found.config["mounts"]}
    assert mounts["/etc/passwd"]["source"] == "/b/passwd"
    assert mounts["/etc/group"]["options"] == ["rw", "bind", "nodev", "nosuid", "noexec"]
    home = made({"User": "7", "Env": ["HOME=/h"]}, passwd=passwd)
    assert home.files["passwd"].endswith(b"7:x:7:0:7 user:/h:/sbin/nologin\n")


def test_generated_files_come_before_the_request_s_mounts() -> None:
    """setupContainerUser runs before setupContainerMounts: a mount over /etc does not keep them from being made."""
    passwd = b"root:x:0:0:::\n"
    covered = samples.container(
        mounts=[
            {"host_path": "/etc", "container_path": "/etc"},
            {"host_path": "/etc/group", "container_path": "/etc/group"},
        ]
    )
    found = made({"User": "7"}, passwd=passwd, group=b"x:x:9:\n", container=covered)
    assert set(found.files) == {"passwd", "group"}
    destinations = [entry["destination"] for entry in found.config["mounts"]]
    assert destinations[-3:] == ["/etc/passwd", "/etc", "/etc/group"]
    assert next(m for m in found.config["mounts"] if m["destination"] == "/etc/group")["source"] == "/etc/group"


def test_home_with_a_line_break() -> None:
    with pytest.raises(ContainerConfigError, match="line break"):
        made({"Env": ["HOME=/\nroot::0:0"]})


@pytest.mark.parametrize(
    ("image", "requested", "expected"), [("", None, "/"), ("/srv", None, "/srv"), ("/srv", "/own", "/own")]
)
def test_cwd(image: str, requested: str | None, expected: str) -> None:
    """server/container_create.go:1044-1057, and :1334 for the directory CRI-O makes."""
    found = made({"WorkingDir": image}, container=samples.container(working_dir=requested))
    assert found.config["process"]["cwd"] == expected
    assert expected in found.rootfs_directories


def test_a_relative_cwd_is_passed_on_with_a_warning() -> None:
    found = made({"WorkingDir": "srv"})
    assert found.config["process"]["cwd"] == "srv"
    assert any("'srv' is relative" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("volumes", "directories"),
    [(ImageVolumes.MKDIR, ("/", "/a", "/b", "/relative", "/etc")), (ImageVolumes.IGNORE, ("/", "/etc"))],
)
def test_volumes(volumes: ImageVolumes, directories: tuple[str, ...]) -> None:
    """server/container_create.go:148; securejoin keeps each one inside the root file system."""
    found = made(
        {"Volumes": {"/b": {}, "//a": {}, "../..": {}, "relative/": {}}}, settings=CrioSettings(image_volumes=volumes)
    )
    assert found.rootfs_directories == directories


@pytest.mark.parametrize(
    ("signal", "number", "warned"), [("", 15, False), ("SIGINT", 2, False), ("JUNK", 15, True), ("37", 37, False)]
)
def test_stop_signal(signal: str, number: int, warned: bool) -> None:
    """internal/oci/container.go:298: what it does not know becomes SIGTERM."""
    found = made({"StopSignal": signal})
    assert found.stop_signal == number
    assert any("no stop signal" in warning for warning in found.warnings) is warned


def test_tty() -> None:
    """server/container_create.go:763-767."""
    assert "terminal" not in made().config["process"]
    assert made(container=samples.container(tty=True)).config["process"]["terminal"] is True


def test_exposed_ports_and_labels_are_not_used() -> None:
    plain = made(container_id="c").config
    used = made({"ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "b"}}, container_id="c").config
    for config in (plain, used):
        del config["annotations"]
    assert plain == used


def test_what_docker_adds_to_a_config_is_not_used() -> None:
    made({"Healthcheck": {"Test": ["CMD"]}, "Shell": ["/bin/bash"], "OnBuild": ["RUN x"], "StopTimeout": 5})


@pytest.mark.parametrize(
    ("settings", "context", "expected"),
    [
        (CrioSettings(apparmor=True), {}, "crio-default"),
        (CrioSettings(apparmor=True), {"apparmor": {}}, "crio-default"),
        (CrioSettings(apparmor=True), {"apparmor": {"profile_type": 1}}, "unconfined"),
        (CrioSettings(apparmor=True), {"apparmor": {"profile_type": 2, "localhost_ref": "p"}}, "p"),
        (CrioSettings(apparmor=True), {"apparmor_profile": "localhost/p"}, "p"),
        (CrioSettings(apparmor=True), {"apparmor_profile": "unconfined"}, "unconfined"),
        (CrioSettings(apparmor=True), {"apparmor_profile": "runtime/default"}, "crio-default"),
        (
            CrioSettings(apparmor=True),
            {"apparmor_profile": "runtime/default", "apparmor": {"profile_type": 1}},
            "crio-default",
        ),
        (CrioSettings(), {"apparmor": {"profile_type": 2, "localhost_ref": "p"}}, None),
    ],
)
def test_apparmor(settings: CrioSettings, context: dict[str, Any], expected: str | None) -> None:
    """internal/config/apparmor/apparmor_linux.go Apply."""
    found = made(container=samples.with_context(**context), settings=settings).config["process"]
    assert found.get("apparmorProfile") == expected


def test_privileged_needs_a_privileged_sandbox() -> None:
    """internal/factory/container/container.go:428."""
    asked = samples.with_context(privileged=True)
    unprivileged = samples.sandbox(linux={"security_context": {}})
    with pytest.raises(ContainerConfigError, match="no privileged container"):
        made(container=asked, sandbox=unprivileged)
    without = made(container=asked, sandbox=samples.sandbox()).config
    assert "CAP_SYS_ADMIN" not in without["process"]["capabilities"]["bounding"]
    privileged = made(container=asked, sandbox=samples.sandbox(**PRIVILEGED)).config
    assert "CAP_SYS_ADMIN" in privileged["process"]["capabilities"]["bounding"]
    assert privileged["annotations"]["io.kubernetes.cri-o.SeccompProfilePath"] == "Unconfined"


def test_hostname() -> None:
    """server/sandbox_run.go:92."""
    assert made(container_id="c" * 20).config["hostname"] == "c" * 12
    assert made(sandbox_state=SandboxState(id="s" * 20, namespaces={"pid": "/p"})).config["hostname"] == "s" * 12
    of_host = samples.with_context(namespace_options={"network": 2})
    assert made(container=of_host, sandbox=samples.sandbox(hostname="n")).config["hostname"] == "n"


def test_the_oldest_version_that_has_the_fields() -> None:
    assert made().config["ociVersion"] == "1.0.2"
    assert made(container=FULL).config["ociVersion"] == "1.3.0"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"container": {}}, "no metadata.name"),
    ({"container": {"metadata": {"attempt": 1}}}, "no metadata.name"),
    ({"sandbox": {}}, "no metadata"),
    ({"container": 5}, "give ContainerConfig"),
    ({"container_id": "../x"}, "container id"),
    ({"container_id": ""}, "container id"),
    ({"container_id": "a\n"}, "container id"),
    ({"container_id": "a" * 129}, "container id"),
    ({"sandbox_state": SandboxState(id="a/b")}, "sandbox id"),
    ({"container": samples.container(CDI_devices=[{"name": "x"}])}, "CDI devices"),
    ({"container": samples.container(args=["a\0b"], command=["/x"])}, "NUL"),
    ({"container": samples.container(log_path="/")}, "log directory itself"),
    ({"container": samples.container(log_path="a/..")}, "log directory itself"),
    (
        {"sandbox": POD | {"annotations": {"rdt.resources.beta.kubernetes.io/pod": "gold"}}},
        "annotation rdt.resources.beta.kubernetes.io/pod asks for an RDT class",
    ),
    (
        {
            "container": samples.container(),
            "sandbox": POD | {"annotations": {"rdt.resources.beta.kubernetes.io/container.app": ""}},
        },
        r"io/container\.app asks for an RDT class",
    ),
    ({"container": samples.with_context(run_as_group={"value": 1})}, "user group is specified"),
    ({"container": samples.with_context(capabilities={"add_capabilities": ["FLY"]})}, "CAP_FLY"),
    ({"sandbox": POD | {"annotations": {"umask.crio.io": "9"}}, "settings": NODE}, "invalid umask"),
    (
        {
            "container": samples.with_context(apparmor={"profile_type": 2}),
            "settings": CrioSettings(apparmor=True),
        },
        "empty localhost AppArmor profile",
    ),
]


@pytest.mark.parametrize(("request_", "message"), REFUSED)
def test_what_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ContainerConfigError, match=message):
        made(**request_)


@pytest.mark.parametrize(
    "config", [{"Env": "A=b"}, {"Cmd": [1]}, {"User": 5}, {"Volumes": []}, {"WorkingDir": []}, {"Labels": {"a": 1}}]
)
def test_a_malformed_config(config: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match=next(iter(config))):
        made(config)


def test_an_image_without_a_config() -> None:
    """server/container_create.go:804."""
    image = samples.image(document={"os": "linux", "architecture": "amd64", "config": None})
    with pytest.raises(ContainerConfigError, match="no command"):
        runtime_config(image)


def test_unknown_fields_are_warned_of() -> None:
    found = made(container=samples.container(windows={}), sandbox=samples.sandbox(extra=1))
    assert [warning for warning in found.warnings if "no field" in warning] == [
        "ContainerConfig.windows is no field that CRI-O takes for a Linux container: it was ignored",
        "PodSandboxConfig.extra is no field that CRI-O takes for a Linux container: it was ignored",
    ]


def test_a_windows_image_is_warned_of() -> None:
    image = samples.image(document=samples.config_document({}, os="windows"))
    assert any("windows" in warning for warning in runtime_config(image).warnings)


def test_variables_are_not_shown() -> None:
    found = made(container=samples.container(envs=[{"key": "PASSWORD", "value": "hunter2"}]))
    assert "hunter2" in json.dumps(found.config)
    assert "hunter2" not in repr(found)
