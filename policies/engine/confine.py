"""Confinement of the evaluator child, by the kernel, before the OPA library is loaded.

The order matters: limits → Landlock → seccomp → library → `AddressSpace.hold`. Landlock binds the calling thread and
its children only, so it must come before the Go runtime starts threads. Every layer is proven by trying what it
forbids; the parent decides whether an absent layer is fatal. No project imports, no third-party ones.

Numbers: Linux `arch/x86/entry/syscalls/syscall_64.tbl`, `include/uapi/asm-generic/unistd.h`, `landlock.h`, `seccomp.h`.
"""

import ctypes
import errno
import os
import resource
import socket
from collections.abc import Callable, Sequence

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 4, 38, 39
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION_FLAG, _LANDLOCK_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET_RIGHTS, _SCOPES = 0b11, 0b11

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_SECCOMP_FILTER, _SECCOMP_TSYNC = 1, 1
_X32_BIT = 0x40000000

_MACHINES = {"x86_64": (0xC000003E, 317, 0), "aarch64": (0xC00000B7, 277, 1)}  # audit arch, seccomp(2), column below
_ABSENT = -1
_DENIED = {
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "socketpair": (53, 199),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, _ABSENT),
    "vfork": (58, _ABSENT),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "unshare": (272, 97),
    "reboot": (169, 142),
    "open_by_handle_at": (304, 265),
    "chmod": (90, _ABSENT),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, _ABSENT),
    "lchown": (94, _ABSENT),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "utimensat": (280, 88),
    "utime": (132, _ABSENT),
    "utimes": (235, _ABSENT),
    "futimesat": (261, _ABSENT),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "clock_settime": (227, 112),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
}
"""By name the numbers on x86-64 and on arm64."""

_CLONE, _CLONE3, _TGKILL = (56, 220), (435, 435), (234, 131)
_CLONE_THREAD = 0x00010000


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("fd", ctypes.c_int32)]


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction))]


def confine(readable: Sequence[str], memory_mb: int) -> dict[str, str]:
    """Put on every layer; the answer says for each `on`, `absent` or `failed`, judged by an attempt."""
    states = {"limits": _limit(memory_mb)}
    landlock, seccomp = _landlock(readable), _seccomp()
    states["landlock"] = landlock if landlock != "on" else _proof(_cannot_read)
    states["seccomp"] = seccomp if seccomp != "on" else _proof(_cannot_connect)
    return states


class AddressSpace:
    """The limit that comes after the library. Go reserves far more than it uses when it starts, and RLIMIT_DATA does
    not see the one block that a reservation is turned into: the kernel weighs a MAP_FIXED by what it adds to the
    mappings that are there already. Made before the confinement, which hides /proc."""

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def hold(self, more_mb: int) -> bool:
        """From here on at most `more_mb` beyond what is mapped now; whether that holds."""
        mapped = int(os.pread(self._statm, 64, 0).split()[0]) * resource.getpagesize()
        os.close(self._statm)
        value = mapped + (more_mb << 20)
        resource.setrlimit(resource.RLIMIT_AS, (value, value))
        return resource.getrlimit(resource.RLIMIT_AS) == (value, value)


def _limit(memory_mb: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # DATA, not yet AS: see AddressSpace
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_DATA: memory_mb << 20,
    }
    for limit, value in wanted.items():
        resource.setrlimit(limit, (value, value))
    held = all(resource.getrlimit(limit) == (value, value) for limit, value in wanted.items())
    return "on" if held and libc.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 else "failed"


def _landlock(readable: Sequence[str]) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG)
    if version < 1:
        return "absent"
    rules, size = _ruleset(version)
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return "failed"
    try:
        for folder in readable:
            _let_read(libc, ruleset, folder)
        return "on" if libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0 else "failed"
    finally:
        os.close(ruleset)


def _ruleset(version: int) -> tuple[_Ruleset, int]:
    """Everything that this kernel's version of Landlock can deny, and the size of the structure it knows."""
    rules = _Ruleset(fs=_FS_RIGHTS[min(version, 5)])
    rules.net = _NET_RIGHTS if version >= 4 else 0
    rules.scoped = _SCOPES if version >= 6 else 0
    return rules, 8 if version < 4 else 16 if version < 6 else 24


def _let_read(libc: ctypes.CDLL, ruleset: int, folder: str) -> None:
    if not os.path.isdir(folder):
        return
    handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        beneath = _PathBeneath(_READ_FILE | _READ_DIR, handle)
        libc.syscall(_LANDLOCK_ADD, ruleset, _LANDLOCK_PATH_BENEATH, ctypes.byref(beneath), 0)
    finally:
        os.close(handle)


def _seccomp() -> str:
    known = _MACHINES.get(os.uname().machine)
    if known is None:
        return "absent"
    audit_arch, seccomp, column = known
    program = _program(audit_arch, column)
    instructions = (_Instruction * len(program))(*program)
    libc = ctypes.CDLL(None, use_errno=True)
    filter_ = _Filter(len(program), instructions)
    done = libc.syscall(seccomp, _SECCOMP_FILTER, _SECCOMP_TSYNC, ctypes.byref(filter_))
    return "on" if done == 0 else "failed"


def _program(audit_arch: int, column: int) -> list[_Instruction]:
    program = [
        _Instruction(_LOAD, 0, 0, _ARCHITECTURE),
        _Instruction(_JUMP_EQUAL, 1, 0, audit_arch),
        _Instruction(_RETURN, 0, 0, _KILL),
        _Instruction(_LOAD, 0, 0, _NUMBER),
    ]
    if os.uname().machine == "x86_64":  # the x32 calls are the same kernel entries under other numbers
        program += [_Instruction(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), _Instruction(_RETURN, 0, 0, _KILL)]
    for numbers in _DENIED.values():
        if numbers[column] != _ABSENT:
            program += [_Instruction(_JUMP_EQUAL, 0, 1, numbers[column]), _Instruction(_RETURN, 0, 0, _EPERM)]
    return [*program, *_threads_only(column), *_own_signals_only(column), _Instruction(_RETURN, 0, 0, _ALLOW)]


def _threads_only(column: int) -> list[_Instruction]:
    """A clone that makes no thread makes a process. What clone3 asks for cannot be seen: libc then falls back."""
    return [
        _Instruction(_JUMP_EQUAL, 0, 1, _CLONE3[column]),
        _Instruction(_RETURN, 0, 0, _ENOSYS),
        _Instruction(_JUMP_EQUAL, 0, 4, _CLONE[column]),
        _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT),
        _Instruction(_JUMP_SET, 1, 0, _CLONE_THREAD),
        _Instruction(_RETURN, 0, 0, _EPERM),
        _Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def _own_signals_only(column: int) -> list[_Instruction]:
    """The Go runtime signals its own threads; nobody else is to be signalled."""
    return [
        _Instruction(_JUMP_EQUAL, 0, 4, _TGKILL[column]),
        _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT),
        _Instruction(_JUMP_EQUAL, 1, 0, os.getpid()),
        _Instruction(_RETURN, 0, 0, _EPERM),
        _Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def _proof(forbidden: Callable[[], bool]) -> str:
    return "on" if forbidden() else "failed"


def _cannot_read() -> bool:
    try:
        os.close(os.open("/etc/passwd", os.O_RDONLY))
    except PermissionError:
        return True
    return False


def _cannot_connect() -> bool:
    try:
        socket.socket().close()
    except PermissionError:
        return True
    return False
