"""Which user a server runs as. PostgreSQL refuses to be root, so root has to become somebody else first."""

import ctypes
import os
import pwd
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

IS_LINUX = sys.platform == "linux"
NEW_USER_NAMESPACE = 0x10000000
PARENT_DEATH_SIGNAL = 1
CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Identity:
    """How a process changes who it is before it becomes a server: not at all, in a user namespace, or for good."""

    way: str = "self"
    user: int = 0
    group: int = 0

    def __str__(self) -> str:
        return f"{self.way}:{self.user}:{self.group}"

    @classmethod
    def parse(cls, text: str) -> "Identity":
        way, user, group = text.split(":")
        return cls(way, int(user), int(group))

    def assume(self) -> None:
        """Become it. Raises OSError where the kernel refuses."""
        if self.way == "namespace":
            _enter_namespace(self.user, self.group)
        if self.way == "dropped":
            os.setgroups([])
            os.setgid(self.group)
            os.setuid(self.user)


MYSELF = Identity()


def candidates() -> list[Identity]:
    """List the identities PostgreSQL may accept here, the best one first.

    In a user namespace the server sees itself as `nobody` while its files stay ours: nothing is copied or handed over,
    and a home folder closed to others is no obstacle. Containers often refuse it; root can then only drop its rights.
    """
    if os.geteuid() != 0 and _has_account(os.geteuid()):
        return [MYSELF]
    nobody = pwd.getpwnam("nobody")
    namespace = [Identity("namespace", nobody.pw_uid, nobody.pw_gid)] if IS_LINUX else []
    dropped = [Identity("dropped", nobody.pw_uid, nobody.pw_gid)] if os.geteuid() == 0 else []
    return namespace + dropped


def end_with_parent(number: signal.Signals) -> None:
    """Let the kernel send this process a signal when its parent is gone (Linux only).

    Call it last: a change of user clears it.
    """
    if IS_LINUX:
        _libc().prctl(PARENT_DEATH_SIGNAL, int(number), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent is gone (Linux only)."""
    if IS_LINUX:
        _libc().prctl(CHILD_SUBREAPER, 1, 0, 0, 0)


def _has_account(user: int) -> bool:
    try:
        return bool(pwd.getpwuid(user))
    except KeyError:
        return False


def _enter_namespace(user: int, group: int) -> None:
    outer_user, outer_group = os.geteuid(), os.getegid()
    if _libc().unshare(NEW_USER_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {outer_user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {outer_group} 1")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
