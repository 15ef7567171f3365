"""Faults of what is above the backends: what CRI-O and the guest make of an image, scans, and the command.

It is not for what a backend reads (see `faults` and its other tables).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

_SPEC = "tests/unit/cri/spec"
_FURTHER = "tests/unit/cri/recorded/test_further.py"
_PACKETS = "tests/unit/cri/guest/test_key_packets.py"

CONTAINER_FAULTS = (
    Fault(
        "the image's user before the container's",
        "cri/spec/process_user.py",
        "        return str(context.run_as_user)\n",
        "        return image_user or str(context.run_as_user)\n",
        (f"{_SPEC}/test_process_user.py",),
    ),
    Fault(
        "groups of the image kept although the policy is strict",
        "cri/spec/process_user.py",
        "    if not strict:\n",
        "    if strict or gids:\n",
        (f"{_SPEC}/test_process_user.py",),
    ),
    Fault(
        "dropping ALL capabilities before adding some",
        "cri/spec/capabilities.py",
        "    if drop_all:\n        held = []\n",
        "    if drop_all and not added:\n        held = []\n",
        (f"{_SPEC}/test_capabilities.py",),
    ),
    Fault(
        "a dropped capability's gap closed in order",
        "cri/spec/capabilities.py",
        "        held[position] = held[-1]\n        held.pop()\n",
        "        del held[position]\n",
        (f"{_SPEC}/test_capabilities.py",),
    ),
    Fault(
        "any integer that Python reads",
        "cri/golang/integer.py",
        "    found = _INTEGER.fullmatch(text)\n",
        '    found = _INTEGER.fullmatch(text.strip().replace("_", ""))\n',
        ("tests/unit/cri/golang/test_integer.py",),
    ),
    Fault(
        "many mounts sorted as a stable sort does",
        "cri/spec/mounts.py",
        "    requested = go_sorted(request.mounts, lambda mount",
        "    requested = sorted(request.mounts, key=lambda mount",
        (_FURTHER,),
    ),
    Fault(
        "a list's patterns left as they are",
        "cri/golang/sort.py",
        "        if not balanced:\n",
        "        if not limit:\n",
        ("tests/unit/cri/golang/test_sort.py",),
    ),
    Fault(
        "annotations that are not allowed leave none at all",
        "cri/spec/annotations.py",
        "marshal(go_map(annotations) if facts.has_annotations else None)",
        "marshal(go_map(annotations) or None)",
        (_FURTHER, f"{_SPEC}/test_annotations.py"),
    ),
    Fault(
        "a handler's own annotations filtered",
        "cri/spec/container_request.py",
        "annotations=of_handler | allowed(pod.annotations, settings)",
        "annotations=allowed(of_handler | dict(pod.annotations), settings)",
        (f"{_SPEC}/test_annotations.py",),
    ),
    Fault(
        "properties of systemd's left out",
        "cri/spec/annotations.py",
        '    if settings.crio_annotations and settings.cgroup_manager == "systemd":\n',
        '    if settings.cgroup_manager == "cgroupfs":\n',
        (_FURTHER,),
    ),
    Fault(
        "base64 that holds no text taken as it is",
        "cri/spec/linux.py",
        "    if not _BASE64.fullmatch(encoded):\n",
        "    if not _BASE64.fullmatch(encoded) or not base64.b64decode(encoded).isascii():\n",
        (f"{_SPEC}/test_linux.py", _FURTHER),
    ),
    Fault(
        "any host in the id of a key",
        "cri/guest/key_uri.py",
        " else _NO_HOST.isdisjoint(host)",
        " else True",
        (_PACKETS,),
    ),
    Fault(
        "a packet's field that stands twice",
        "cri/guest/key_packets.py",
        " or not document.repeated.isdisjoint(fields)",
        "",
        (_PACKETS,),
    ),
    Fault(
        "encrypted layers that the guest cannot decrypt",
        "cri/guest/layers.py",
        "    if encryption.guest_can_decrypt(layer.media_type):\n",
        "    if encryption.SUFFIX in layer.media_type:\n",
        ("tests/unit/cri/guest/test_pull.py", "tests/unit/cri/guest/test_agreement.py"),
    ),
    Fault(
        "a paused registry's parts begun",
        "fleet/limits.py",
        " and self._paused.get(registry, now) <= now:",
        ":",
        ("tests/fleet/test_limits.py",),
    ),
    Fault(
        "a scan's credentials by registry sent to other machines unasked",
        "fleet/scan.py",
        '"creds", "credentials", "identity_token"',
        '"creds", "identity_token"',
        ("tests/fleet/test_other_machines.py",),
    ),
    Fault(
        "a user and password of a reference shown as its registry",
        "fleet/plan.py",
        '    if not _REGISTRY.fullmatch(name):\n        return ""\n',
        "",
        ("tests/fleet/test_plan.py",),
    ),
    Fault(
        "all documents of a part held in memory",
        "fleet/part_file.py",
        "        if self._size >= HELD:\n",
        "        if self._size < 0:\n",
        ("tests/fleet/test_part_file.py",),
    ),
    Fault(
        "a registry that always refuses waited for without end",
        "fleet/limits.py",
        "        if waited > LONGEST_PAUSE:\n",
        "        if waited > 9 * LONGEST_PAUSE:\n",
        ("tests/fleet/test_limits.py",),
    ),
    Fault(
        "a worker of another version not told",
        "fleet/part.py",
        '    if getattr(job, "version", None) != __version__:\n',
        "    if not job.key:\n",
        ("tests/fleet/test_other_machines.py",),
    ),
    Fault(
        "the plan of a living driver removed",
        "fleet/folder.py",
        "file:\n            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n            shutil",
        "file:\n            shutil",
        ("tests/fleet/test_folder.py",),
    ),
    Fault(
        "a source's fault told as the output's",
        "fleet/folder.py",
        "        if error is given.failure or isinstance(error, LayoutError):\n",
        "        if isinstance(error, LayoutError):\n",
        ("tests/fleet/test_references.py",),
    ),
    Fault(
        "a part that is tried again comes last",
        "fleet/limits.py",
        "        self._waiting[part.registry].appendleft(part)\n",
        "        self._waiting[part.registry].append(part)\n",
        ("tests/fleet/test_limits.py",),
    ),
    Fault(
        "an error that no later try mends exits like one that may pass",
        "cli/exit_status.py",
        " and not error.retryable:",
        " and error.retryable is None:",
        ("tests/unit/cli/test_exit_status.py",),
    ),
)
