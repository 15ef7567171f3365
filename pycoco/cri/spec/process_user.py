"""The process's user and groups, and whether they can be known without the image's root file system.

Upstream: CRI-O server/container_create.go (setupContainerUser, generateUserString), utils/utils.go (GetUserInfo,
GeneratePasswd, GenerateGroup) and moby/sys/user user.go (GetExecUser). Names live in the image's /etc/passwd and
/etc/group; where those cannot be read, nothing is guessed: `needs_passwd` and `needs_group` say what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pycoco.cri.container_config import LinuxContainerSecurityContext
from pycoco.cri.enums import SupplementalGroupsPolicy
from pycoco.cri.golang.integer import atoi, parse_int
from pycoco.errors import ContainerConfigError

_HIGHEST = 2**31 - 1
_LONGEST_LINE = 64 * 1024  # bufio.MaxScanTokenSize


@dataclass(frozen=True)
class ProcessUser:
    """process.user, as far as it is known.

    `uid` or `gid` is None when only a name is known and /etc/passwd or /etc/group is needed for its number.
    `own_gid` is the user's own, before run_as_group took its place: GeneratePasswd writes that one.
    `needs_passwd`: /etc/passwd decides the uid or the gid. `needs_group`: /etc/group decides the gid, or adds
    supplementary groups that are not in `additional_gids`.
    """

    text: str
    uid: int | None
    gid: int | None
    additional_gids: tuple[int, ...]
    needs_passwd: bool = False
    needs_group: bool = False
    own_gid: int | None = None

    @property
    def resolved(self) -> bool:
        """Whether user and group are numbers, without which nothing may be started."""
        return self.uid is not None and self.gid is not None

    def to_dict(self, umask: int | None = None) -> dict[str, Any]:
        """Return process.user; a user that is not resolved has a username and no uid."""
        user: dict[str, Any] = {}
        if self.uid is not None:
            user["uid"] = self.uid
        if self.gid is not None:
            user["gid"] = self.gid
        if umask is not None:
            user["umask"] = umask
        if self.additional_gids:
            user["additionalGids"] = list(self.additional_gids)
        if not self.resolved:
            user["username"] = self.text
        return user


@dataclass(frozen=True)
class _PasswdEntry:
    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class _GroupEntry:
    name: str
    gid: int
    members: tuple[str, ...]


def process_user(
    image_user: str,
    context: LinuxContainerSecurityContext,
    *,
    passwd: bytes | None = None,
    group: bytes | None = None,
) -> ProcessUser:
    """setupContainerUser: who the process runs as.

    `image_user` is the config's User. `passwd` and `group` are the contents of the files in the image's root file
    system, None where they cannot be had. Raises ContainerConfigError for what CRI-O refuses: a group without a
    user, a number out of range, a name that the given files do not have.
    """
    if context.run_as_group is not None and context.run_as_user is None and not context.run_as_username:
        raise ContainerConfigError("user group is specified without user or username: set run_as_user as well")
    text = user_text(image_user, context)
    found = _exec_user(text, passwd, group)
    run_as_group = context.run_as_group
    if found.uid is not None:
        _unsigned(found.uid, "the uid in the passwd file")
    gid = found.gid if run_as_group is None else run_as_group
    if gid is not None:
        _unsigned(gid, "the gid in the passwd or group file" if run_as_group is None else "run_as_group")
    strict = context.supplemental_groups_policy is SupplementalGroupsPolicy.Strict
    gids = [] if gid is None else [gid]
    if not strict:
        gids += [_unsigned(entry, "a gid in the group file") for entry in found.additional_gids]
    gids += [_unsigned(entry, "supplemental_groups") for entry in context.supplemental_groups]
    decides_gid = run_as_group is None
    return ProcessUser(
        text=text,
        uid=found.uid,
        gid=gid,
        additional_gids=tuple(dict.fromkeys(gids)),
        needs_passwd=found.uid is None or (found.needs_passwd and (decides_gid or not strict)),
        needs_group=(found.gid is None and decides_gid) or (found.needs_group and not strict),
        own_gid=found.gid,
    )


def user_text(image_user: str, context: LinuxContainerSecurityContext) -> str:
    """generateUserString: the container's user name, else its uid, else what the image says."""
    if context.run_as_username:
        return context.run_as_username
    if context.run_as_user is not None:
        return str(context.run_as_user)
    return image_user


def _exec_user(text: str, passwd: bytes | None, group: bytes | None) -> ProcessUser:
    user_part, _, rest = text.partition(":")
    group_part = rest.partition(":")[0]
    entry = _passwd_entry(user_part, passwd)
    uid, gid = _user_ids(user_part, entry, passwd)
    needs_passwd = passwd is None and (uid is None or (uid != 0 and not group_part))
    if group_part:
        gid = _group_id(group_part, group)
        return ProcessUser(text, uid, gid, (), needs_passwd=uid is None)
    if passwd is None and uid == 0:
        # Every system calls it root, but which groups root is in differs from image to image.
        return ProcessUser(text, uid, gid, _groups_of("root", group), needs_group=group is None)
    gids = _groups_of(entry.name, group) if entry and entry.name else ()
    unknown = group is None and (passwd is None or entry is not None)
    return ProcessUser(text, uid, gid, gids, needs_passwd, needs_group=unknown or needs_passwd)


def _passwd_entry(user_part: str, passwd: bytes | None) -> _PasswdEntry | None:
    if passwd is None:
        return None
    number = 0 if not user_part else parse_int(user_part)
    for entry in _passwd_entries(passwd):
        if entry.uid == number if number is not None else entry.name == user_part:
            return entry  # the first match wins
    return None


def _user_ids(user_part: str, entry: _PasswdEntry | None, passwd: bytes | None) -> tuple[int | None, int | None]:
    if entry is not None:
        return entry.uid, entry.gid
    if not user_part:
        return 0, 0
    number = parse_int(user_part)
    if number is not None:
        return _in_range(number, "user"), 0
    if passwd is None:
        return None, None
    raise ContainerConfigError(f"unable to find user {user_part}: no matching entries in passwd file")


def _group_id(group_part: str, group: bytes | None) -> int | None:
    number = parse_int(group_part)
    for entry in _group_entries(group or b""):
        if entry.gid == number if number is not None else entry.name == group_part:
            return entry.gid
    if number is not None:
        return _in_range(number, "group")
    if group is None:
        return None
    raise ContainerConfigError(f"unable to find group {group_part}: no matching entries in group file")


def _groups_of(name: str, group: bytes | None) -> tuple[int, ...]:
    return tuple(entry.gid for entry in _group_entries(group or b"") if name in entry.members)


def _in_range(number: int, what: str) -> int:
    if not 0 <= number <= _HIGHEST:
        raise ContainerConfigError(f"the {what} id {number} is out of range: ids must be in range 0-{_HIGHEST}")
    return number


def _unsigned(number: int, what: str) -> int:
    # CRI-O converts with uint32(): -1 would become 4294967295, which no kernel accepts as an id.
    if not 0 <= number < 2**32 - 1:
        raise ContainerConfigError(f"{what} {number} is out of range: ids must be in range 0-{2**32 - 2}")
    return number


def _lines(content: bytes, fields: int) -> Iterable[list[str]]:
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        stripped = line.strip()
        if stripped:
            parts = stripped.split(":")
            yield parts + [""] * (fields - len(parts))


def _passwd_entries(passwd: bytes) -> Iterable[_PasswdEntry]:
    if any(len(line) >= _LONGEST_LINE for line in passwd.split(b"\n")):
        raise ContainerConfigError(
            "a line of the passwd file is 64 KiB long or more, and CRI-O reads no further: mend it"
        )
    for parts in _lines(passwd, 7):
        yield _PasswdEntry(parts[0], atoi(parts[2]), atoi(parts[3]))


def _group_entries(group: bytes) -> Iterable[_GroupEntry]:
    for parts in _lines(group, 4):
        if not parts[0].startswith("#"):  # a comment here, and none in the passwd file
            members = tuple(parts[3].split(",")) if parts[3] else ()
            yield _GroupEntry(parts[0], atoi(parts[2]), members)


def passwd_with(user: ProcessUser, passwd: bytes, home: str) -> bytes | None:
    """GeneratePasswd: the image's passwd file with a line for the user, or None if it has one already.

    Raises ContainerConfigError for a user whose text would make more fields of the line, or more lines: CRI-O writes it
    as it is, so that `USER 1000:1000` makes a malformed line and one with a line break adds a user of its choice.
    """
    if user.uid is None or not passwd or any(entry.uid == user.uid for entry in _passwd_entries(passwd)):
        return None
    name = user.text or "default"
    if any(character in name for character in ":\n\r"):
        raise ContainerConfigError(
            f"the user {user.text!r} is not in the passwd file, and CRI-O would write a malformed line for it: set "
            "run_as_user and run_as_group"
        )
    gid = user.gid if user.own_gid is None else user.own_gid
    line = f"{name}:x:{user.uid}:{gid}:{name} user:{home or '/tmp'}:/sbin/nologin\n"
    return passwd + line.encode("utf-8", "surrogateescape")


def group_with(user: ProcessUser, group: bytes) -> bytes | None:
    """GenerateGroup: the image's group file with a line for the process's group, or None if it has one already."""
    if user.gid is None or not group or any(entry.gid == user.gid for entry in _group_entries(group)):
        return None
    return group + f"{user.gid}:x:{user.gid}:\n".encode()
