"""process.user, rule by rule. Line numbers are CRI-O's at f954a17e; GetExecUser is moby/sys/user's."""

from __future__ import annotations

import pytest

from pycoco.cri.container_config import LinuxContainerSecurityContext
from pycoco.cri.enums import SupplementalGroupsPolicy
from pycoco.cri.spec.process_user import ProcessUser, group_with, passwd_with, process_user
from pycoco.errors import ContainerConfigError

PASSWD = (
    b"root:x:0:0:root:/root:/bin/sh\n\napp:x:1000:2000:App:/home/app:/bin/sh\napp:x:7:7::/:\n1001:x:5:5::/:\nshort\n"
)
GROUP = b"root:x:0:\nwheel:x:10:root,app\napp:x:2000:\nextra:x:30:app\n"
NOTHING = LinuxContainerSecurityContext()


def outcome(user: ProcessUser) -> tuple[int | None, int | None, tuple[int, ...], bool, bool]:
    return user.uid, user.gid, user.additional_gids, user.needs_passwd, user.needs_group


# Without the files: (uid, gid, additional gids, needs passwd, needs group)
WITHOUT_FILES = [
    # a user of the image that is not set is root; its groups are in /etc/group
    ("", (0, 0, (0,), False, True)),
    ("0", (0, 0, (0,), False, True)),
    ("0:0", (0, 0, (0,), False, False)),
    # numbers with a group are complete
    ("1000:2000", (1000, 2000, (2000,), False, False)),
    (":2000", (0, 2000, (2000,), False, False)),
    ("1000:2000:3", (1000, 2000, (2000,), False, False)),
    ("+1000:02000", (1000, 2000, (2000,), False, False)),
    ("2147483647:0", (2147483647, 0, (0,), False, False)),
    # a number alone has its group in /etc/passwd; CRI-O takes 0 where it has no file
    ("1000", (1000, 0, (0,), True, True)),
    # a name has everything there
    ("app", (None, None, (), True, True)),
    ("app:2000", (None, 2000, (2000,), True, False)),
    ("1000:app", (1000, None, (), False, True)),
    ("root", (None, None, (), True, True)),
    ("1_000:1", (None, 1, (1,), True, False)),
    (" 1000:1", (None, 1, (1,), True, False)),
]


@pytest.mark.parametrize(("text", "expected"), WITHOUT_FILES)
def test_without_the_image_s_files(
    text: str, expected: tuple[int | None, int | None, tuple[int, ...], bool, bool]
) -> None:
    """container_create.go:226 (setupContainerUser), utils.GetUserInfo."""
    assert outcome(process_user(text, NOTHING)) == expected


# With the files, first matches win, and numbers are never names.
WITH_FILES = [
    ("", (0, 0, (0, 10))),
    ("app", (1000, 2000, (2000, 10, 30))),
    ("1000", (1000, 2000, (2000, 10, 30))),
    ("1000:5", (1000, 5, (5,))),
    ("app:wheel", (1000, 10, (10,))),
    ("app:0", (1000, 0, (0,))),
    ("1001", (1001, 0, (0,))),
    ("4321", (4321, 0, (0,))),
    ("root:extra", (0, 30, (30,))),
]


@pytest.mark.parametrize(("text", "expected"), WITH_FILES)
def test_with_the_image_s_files(text: str, expected: tuple[int, int, tuple[int, ...]]) -> None:
    user = process_user(text, NOTHING, passwd=PASSWD, group=GROUP)
    assert outcome(user) == (*expected, False, False)


def test_files_as_others_write_them() -> None:
    """moby/sys/user: a comment is one in the group file alone, and a number of too many digits is the highest."""
    passwd = b"#no:x:8:8::/:\n:x:9:9::/:\nbig:x:99999999999999999999:0::/:\n"
    group = b"# staff:x:1:app\n #x:x:2:app\nstaff:x:3:app,#no\nempty:x:4:,\n"
    assert outcome(process_user("#no", NOTHING, passwd=passwd, group=group))[:3] == (8, 8, (8, 3))
    assert outcome(process_user("9", NOTHING, passwd=passwd, group=group))[:3] == (9, 9, (9,))
    assert outcome(process_user("0", NOTHING, passwd=passwd, group=group))[:3] == (0, 0, (0,))


@pytest.mark.parametrize(
    ("passwd", "group", "message"),
    [
        (b"app:x:-1:0::/:\n", b"", "the uid in the passwd file -1 is out of range"),
        (b"app:x:1:4294967295::/:\n", b"", "the gid in the passwd or group file 4294967295 is out of range"),
        (b"app:x:1:1::/:\n", b"g:x:-7:app\n", "a gid in the group file -7 is out of range"),
        (b"x" * 65536 + b"\napp:x:1:1::/:\n", b"", "64 KiB"),
    ],
)
def test_files_that_cannot_be_used(passwd: bytes, group: bytes, message: str) -> None:
    """CRI-O makes 4294967295 of -1, and its Scanner gives up at a line of 64 KiB."""
    with pytest.raises(ContainerConfigError, match=message):
        process_user("app", NOTHING, passwd=passwd, group=group)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody", "unable to find user nobody"),
        ("app:nogroup", "unable to find group nogroup"),
        ("2147483648", "out of range"),
        ("-1", "out of range"),
        ("0:-1", "out of range"),
    ],
)
def test_what_crio_refuses(text: str, message: str) -> None:
    with pytest.raises(ContainerConfigError, match=message):
        process_user(text, NOTHING, passwd=PASSWD, group=GROUP)


# container_create.go:375 (generateUserString) and the rest of setupContainerUser
REQUESTED = [
    # the user name outranks the uid, and that the image's
    ({"run_as_user": 5, "run_as_username": "app"}, (1000, 2000, (2000, 10, 30))),
    ({"run_as_user": 5}, (5, 5, (5,))),
    ({"run_as_user": 4321}, (4321, 0, (0,))),
    ({"run_as_user": 0}, (0, 0, (0, 10))),
    # the group replaces the user's own; the user's groups stay
    ({"run_as_user": 1000, "run_as_group": 50}, (1000, 50, (50, 10, 30))),
    ({"run_as_user": 1000, "supplemental_groups": (10, 77)}, (1000, 2000, (2000, 10, 30, 77))),
    (
        {
            "run_as_user": 1000,
            "supplemental_groups": (77,),
            "supplemental_groups_policy": SupplementalGroupsPolicy.Strict,
        },
        (1000, 2000, (2000, 77)),
    ),
]


@pytest.mark.parametrize(("context", "expected"), REQUESTED)
def test_what_the_request_says(context: dict[str, object], expected: tuple[int, int, tuple[int, ...]]) -> None:
    asked = LinuxContainerSecurityContext(**context)  # type: ignore[arg-type]
    user = process_user("9:9", asked, passwd=PASSWD, group=GROUP)
    assert (user.uid, user.gid, user.additional_gids) == expected


def test_numbers_in_the_request_leave_nothing_open() -> None:
    strict = SupplementalGroupsPolicy.Strict
    asked = LinuxContainerSecurityContext(run_as_user=1000, run_as_group=2000, supplemental_groups_policy=strict)
    assert outcome(process_user("app", asked)) == (1000, 2000, (2000,), False, False)
    merging = LinuxContainerSecurityContext(run_as_user=1000, run_as_group=2000)
    assert outcome(process_user("app", merging)) == (1000, 2000, (2000,), True, True)


def test_a_group_without_a_user_is_refused() -> None:
    with pytest.raises(ContainerConfigError, match="user group is specified without user"):
        process_user("1000", LinuxContainerSecurityContext(run_as_group=5))


@pytest.mark.parametrize("context", [{"run_as_group": -1, "run_as_user": 1}, {"supplemental_groups": (2**32 - 1,)}])
def test_ids_that_no_kernel_takes(context: dict[str, object]) -> None:
    with pytest.raises(ContainerConfigError, match="out of range"):
        process_user("1000", LinuxContainerSecurityContext(**context))  # type: ignore[arg-type]


def test_an_unresolved_user_has_no_uid() -> None:
    user = process_user("app", NOTHING)
    assert not user.resolved
    assert user.to_dict() == {"username": "app"}


def test_a_line_is_added_for_an_unknown_user() -> None:
    """utils.GeneratePasswd and GenerateGroup."""
    context = LinuxContainerSecurityContext(run_as_user=4321, run_as_group=77)
    user = process_user("", context, passwd=PASSWD, group=GROUP)
    assert user.gid == 77
    # The gid in passwd is the user's own; run_as_group takes its place later.
    assert passwd_with(user, PASSWD, "/home/x") == PASSWD + b"4321:x:4321:0:4321 user:/home/x:/sbin/nologin\n"
    assert group_with(user, GROUP) == GROUP + b"77:x:77:\n"


@pytest.mark.parametrize("user", ["4321:77", "4321:77:x", "4321::\nroot2::0:0:::/bin/sh"])
def test_no_line_is_written_that_would_be_several_fields_or_lines(user: str) -> None:
    """GeneratePasswd writes the user's text as it is."""
    found = process_user(user, NOTHING, passwd=PASSWD, group=GROUP)
    with pytest.raises(ContainerConfigError, match="malformed line"):
        passwd_with(found, PASSWD, "/")
    assert passwd_with(found, b"", "/") is None  # there is nothing to add a line to


def test_no_line_is_added_for_a_known_user() -> None:
    user = process_user("app", NOTHING, passwd=PASSWD, group=GROUP)
    assert passwd_with(user, PASSWD, "/") is None
    assert group_with(user, GROUP) is None
    assert passwd_with(process_user("4321", NOTHING), b"", "/") is None
