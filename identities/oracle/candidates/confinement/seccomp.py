"""A filter of system calls, of Linux: no network, no process besides this one, no hand on others or on their files.

Landlock is about opening files; here is what else a process could do to what is not its own. Whatever needs a privilege
is not here, since `drop_privileges` leaves none.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator, Sequence

from .system import process_control, system_call

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""For each processor the name that the kernel gives it in a filter, and the column of the tables below."""

_LAST_KNOWN = 466  # of the system calls, on both; what came later is not there for a candidate

# fmt: off
_FORBIDDEN = {
    # Processes; `clone` is below.
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "unshare": (272, 97), "setns": (308, 268),
    # Other processes; `kill` and `fcntl` are below.
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setaffinity": (203, 122), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    # The network, and sockets of other programs; `socket` is below. And the calls that make calls of their own.
    "socketpair": (53, 199), "connect": (42, 203), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # What Landlock does not know: files by path, or opened for reading.
    "truncate": (76, 45), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # Memory that no limit counts, or that stays when the process has gone.
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # Ways into the kernel that no homework takes.
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
}
# fmt: on
_CLONE, _CLONE3, _KILL, _TGKILL, _PRLIMIT, _FCNTL = (56, 220), (435, 435), (62, 129), (234, 131), (302, 261), (72, 25)
_SOCKET, _OF_THIS_MACHINE = (41, 198), 1  # the family AF_UNIX
_THREAD = 0x10000  # a flag of `clone`
# Commands of `fcntl`: to which process a file sends which signal when there is something new.
_SET_OWNER, _SET_SIGNAL, _SET_OWNER_EX = 8, 10, 15

_LOAD, _EQUAL, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions of a filter
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # where the data that it sees has them
_ALLOW, _REFUSE, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_FORBID = _REFUSE | errno.EPERM
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_CAPGET_CAPSET = {"x86_64": (125, 126), "aarch64": (90, 91)}
_CAPABILITIES_VERSION, _ANY_FILE = 0x20080522, 0b110


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def drop_privileges() -> None:
    """No privilege of root's any more, nor any to come, but to open anybody's files, which Landlock has a say in.

    **Raises:** `OSError`.
    """
    process_control(_NO_NEW_PRIVILEGES, 1)
    if os.uname().machine not in _CAPGET_CAPSET:
        return
    get, set_ = _CAPGET_CAPSET[os.uname().machine]
    header, held = struct.pack("Ii", _CAPABILITIES_VERSION, 0), ctypes.create_string_buffer(24)
    system_call(get, header, held)
    _, permitted, *_ = struct.unpack("6I", held)
    kept = permitted & _ANY_FILE  # in a container, root has some of them only
    system_call(set_, header, struct.pack("6I", kept, kept, 0, 0, 0, 0))


def restrict(gpu: bool) -> bool:
    """Put the filter in force, for this process and for ever; it must be called before there are threads.

    With a GPU it may have a socket of this machine that others find it by, without which CUDA does not begin.

    **Raises:** `OSError` where there are no filters, or this processor has no table.
    """
    program = b"".join(_program(gpu))
    process_control(_SET_SECCOMP, _FILTER, ctypes.byref(_Program(len(program) // 8, program)))
    return True


def _program(gpu: bool) -> Iterator[bytes]:
    if os.uname().machine not in _ARCHITECTURES:
        raise OSError(errno.ENOTSUP, f"{os.uname().machine} is not known to it")
    architecture, column = _ARCHITECTURES[os.uname().machine]
    own = os.getpid()
    yield _instruction(_LOAD, _ARCHITECTURE)
    yield _instruction(_EQUAL, architecture, 1, 0)
    yield _instruction(_RETURN, _KILL_PROCESS)
    yield _instruction(_LOAD, _NUMBER)
    yield from _refused(_AT_LEAST, _LAST_KNOWN + 1, errno.ENOSYS)  # which x86-64 has its second set of calls beyond
    for numbers in _FORBIDDEN.values():
        if (number := numbers[column]) is not None:
            yield from _refused(_EQUAL, number, errno.EPERM)
    yield from _refused(_EQUAL, _CLONE3[column], errno.ENOSYS)  # its flags are out of sight; libraries fall back
    yield from _if(_CLONE[column], 0, _HAS, [_THREAD], _ALLOW, _FORBID)
    yield from _if(_KILL[column], 0, _EQUAL, [own], _ALLOW, _FORBID)
    yield from _if(_TGKILL[column], 0, _EQUAL, [own], _ALLOW, _FORBID)
    yield from _if(_PRLIMIT[column], 0, _EQUAL, [0, own], _ALLOW, _FORBID)
    yield from _if(_SOCKET[column], 0, _EQUAL, [_OF_THIS_MACHINE] * gpu, _ALLOW, _FORBID)
    yield from _if(_FCNTL[column], 1, _EQUAL, [_SET_OWNER, _SET_SIGNAL, _SET_OWNER_EX], _FORBID, _ALLOW)
    yield _instruction(_RETURN, _ALLOW)


def _refused(test: int, number: int, error: int) -> Iterator[bytes]:
    yield _instruction(test, number, 0, 1)
    yield _instruction(_RETURN, _REFUSE | error)


def _if(number: int, argument: int, test: int, values: Sequence[int], then: int, otherwise: int) -> Iterator[bytes]:
    """What becomes of the call if its argument passes the test with one of the values, and if with none."""
    yield _instruction(_EQUAL, number, 0, 2 * len(values) + 2)
    yield _instruction(_LOAD, _ARGUMENTS + 8 * argument)  # the lower half, which is all that these calls look at
    for value in values:
        yield _instruction(test, value, 0, 1)
        yield _instruction(_RETURN, then)
    yield _instruction(_RETURN, otherwise)


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)
