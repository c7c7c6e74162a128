"""Run a function in a forked process whose system calls on files pass through this one, which lets one fail or kills.

The kernel asks before each call (seccomp's user notification, Linux 5.7 or newer), so that calls of C code count like
those of Python: MXNet, NumPy, Arrow and Pillow write in their own ways. Only calls on files below one folder count.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Union

# Numbers of x86-64; value: the name that counts, and which arguments are paths (-1: the first is a descriptor).
CALLS = {
    1: ("write", ()), 2: ("open", (0,)), 3: ("close", ()), 18: ("write", ()), 20: ("writev", ()), 40: ("write", ()),
    74: ("fsync", ()), 75: ("fsync", ()), 76: ("truncate", (0,)), 77: ("truncate", ()), 82: ("rename", (0, 1)),
    83: ("mkdir", (0,)), 84: ("unlink", (0,)), 85: ("open", (0,)), 86: ("link", (0, 1)), 87: ("unlink", (0,)),
    88: ("link", (1,)), 257: ("open", (1,)), 258: ("mkdir", (1,)), 263: ("unlink", (1,)), 264: ("rename", (1, 3)),
    265: ("link", (1, 3)), 285: ("write", ()), 296: ("writev", ()), 316: ("rename", (1, 3)), 326: ("write", ()),
}  # fmt: skip
# The argument that holds the descriptor of the file that is written.
DESCRIPTOR = {40: 0, 326: 2}
PWRITE, OPEN, CREAT, OPENAT, WRITES_WITHOUT_DATA = 18, 2, 85, 257, (40, 285, 326)
AT_FDCWD = (1 << 32) - 100
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
NOTIFICATION, RESPONSE = struct.Struct("<QII iIQ6Q"), struct.Struct("<Qqi I")
SECONDS_BETWEEN_CALLS = 120


class Call(NamedTuple):
    """One system call on a file below the watched folder, before it happens.

    Attributes
    ----------
    name : open, write, fsync, truncate, close, rename, mkdir, unlink or link
    path : relative to the watched folder
    target : where a file is renamed or linked to
    writes : whether an opened file may be written
    cuts : whether an opened file becomes empty
    offset, data : what is written where; of truncate the offset is the new size
    """

    name: str
    path: str
    target: str = ""
    writes: bool = True
    cuts: bool = False
    offset: int = 0
    data: bytes = b""


class Outcome(NamedTuple):
    """How a process ended: exit code (negative: the signal), what it printed, and the calls that counted."""

    code: int
    stdout: str
    stderr: str
    calls: list[Call]


class Kill:
    """The process dies before the call; with `torn` half of what it writes still arrives."""

    def __init__(self, torn: bool = False) -> None:
        self.torn = torn


# An error number for the call, a death, or None for going on.
Decision = Callable[[int, Call], Union[int, Kill, None]]


def is_supported() -> bool:
    """Return whether this machine can do it."""
    release = tuple(int(number) for number in platform.release().split("-")[0].split(".")[:2] if number.isdigit())
    return sys.platform == "linux" and platform.machine() == "x86_64" and release >= (5, 9)


def run_supervised(function: Callable[[], object], watched: Path, decide: Decision, scratch: Path) -> Outcome:
    """Run a function in a forked process and decide about its calls on files below a folder.

    Parameters
    ----------
    function : what the process does; SystemExit gives its exit code
    watched : an absolute path without symbolic links
    decide : from the number of the call, 0 for the first, and the call itself
    scratch : a folder outside `watched`, for what the process prints

    A process that makes no call for two minutes is aborted: its exit code is -SIGABRT.
    """
    ours, theirs = socket.socketpair()
    process = os.fork()
    if process == 0:
        ours.close()
        os._exit(_child(function, theirs, scratch))
    theirs.close()
    with ours:
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    calls = _supervise(process, descriptors[0], watched, decide)
    os.close(descriptors[0])
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    printed = [(scratch / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr")]
    return Outcome(code, printed[0], printed[1], calls)


def _child(function: Callable[[], object], channel: socket.socket, scratch: Path) -> int:
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    faulthandler.enable()
    try:
        listener = _ask_before_calls()
        socket.send_fds(channel, [b"x"], [listener])
        function()
        return 0
    except SystemExit as stop:
        return int(stop.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def _ask_before_calls() -> int:
    """Have the kernel ask before each of `CALLS`; return the descriptor on which it asks."""
    load_number, equal, answer = 0x20, 0x15, 0x06
    ask, allow = 0x7FC00000, 0x7FFF0000
    # Load the call's number; each comparison jumps over those that follow it to the last instruction.
    program = [(load_number, 0, 0, 0)]
    program += [(equal, len(CALLS) - place, 0, number) for place, number in enumerate(CALLS)]
    program += [(answer, 0, 0, allow), (answer, 0, 0, ask)]
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
    instructions = ctypes.create_string_buffer(code, len(code))
    filter_program = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, set_filter, all_threads_and_listener = 38, 317, 1, 1 | 8 | 16
    libc.prctl(no_new_privileges, 1, 0, 0, 0)
    listener = libc.syscall(seccomp, set_filter, all_threads_and_listener, filter_program)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "this system does not let a process watch another one's calls")
    return int(listener)


def _supervise(process: int, listener: int, watched: Path, decide: Decision) -> list[Call]:
    calls: list[Call] = []
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        view = _View(process, memory.fileno(), str(watched))
        while True:
            # In short waits: where this process is stopped for a while, that time does not count.
            events = next(filter(None, (poll.poll(1000) for _ in range(SECONDS_BETWEEN_CALLS))), None)
            if not events:
                os.kill(process, signal.SIGABRT)  # which prints where every thread is
                return calls
            if not events[0][1] & select.POLLIN:
                return calls
            request = bytearray(NOTIFICATION.size)
            if not _answered(listener, RECEIVE, request):
                continue
            question, _, _, number, _, _, *arguments = NOTIFICATION.unpack(request)
            decision, call = None, view.call(number, arguments)
            if call:
                decision = decide(len(calls), call)
                calls.append(call)
            if isinstance(decision, Kill):
                if decision.torn and call and call.data:
                    half = call.data[: len(call.data) // 2]
                    os.pwrite(view.reopened(arguments[DESCRIPTOR.get(number, 0)]), half, call.offset)
                os.kill(process, signal.SIGKILL)
                os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
                return calls
            flags = CONTINUE if decision is None else 0
            _answered(listener, SEND, RESPONSE.pack(question, 0, -(decision or 0), flags))


def _answered(listener: int, request: int, argument: bytes | bytearray) -> bool:
    """Return whether the one who asked still waits: a thread may end with its process while it asks."""
    try:
        fcntl.ioctl(listener, request, argument)
    except FileNotFoundError:
        return False
    return True


class _View:
    """What a process's calls are about, read from its memory and its descriptors."""

    def __init__(self, process: int, memory: int, watched: str) -> None:
        self._proc, self._memory, self._watched = f"/proc/{process}", memory, watched

    def call(self, number: int, arguments: list[int]) -> Call | None:
        """Return the call if it changes or opens a file below the watched folder."""
        name, places = CALLS[number]
        if places:
            paths = [self._path(arguments, place, number) for place in places]
            if not all(self._is_inside(path) for path in paths):
                return None
            path, target = [os.path.relpath(path, self._watched) for path in paths] + [""] * (2 - len(paths))
            flags = self._open_flags(number, arguments)
            return Call(name, path, target, bool(flags & 3), bool(flags & os.O_TRUNC), _signed(arguments[1]))
        descriptor = arguments[DESCRIPTOR.get(number, 0)]
        path = self._descriptor_path(descriptor)
        if not self._is_inside(path):
            return None
        status = dict(line.split(":", 1) for line in self._read_text(f"fdinfo/{descriptor}").splitlines())
        flags, position = int(status["flags"], 8), int(status["pos"])
        if name == "close" and not flags & 3:
            return None
        if flags & os.O_APPEND:
            position = os.path.getsize(path)
        path = os.path.relpath(path, self._watched)
        if name == "truncate":
            return Call(name, path, offset=arguments[1])
        if name in ("write", "writev"):
            assert number not in WRITES_WITHOUT_DATA, f"a call that is not recorded wrote {path}"
            data = self._gathered(arguments) if name == "writev" else self._bytes(arguments[1], arguments[2])
            return Call("write", path, offset=arguments[3] if number == PWRITE else position, data=data)
        return Call(name, path)

    def reopened(self, descriptor: int) -> int:
        """Return a descriptor of our own of a file that the process has open."""
        return os.open(f"{self._proc}/fd/{descriptor}", os.O_WRONLY)

    def _is_inside(self, path: str) -> bool:
        return path == self._watched or path.startswith(self._watched + "/")

    def _open_flags(self, number: int, arguments: list[int]) -> int:
        if number == CREAT:
            return os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        return arguments[{OPEN: 1, OPENAT: 2}[number]] if number in (OPEN, OPENAT) else 1

    def _path(self, arguments: list[int], place: int, number: int) -> str:
        path = os.fsdecode(self._text(arguments[place]))
        folder = arguments[place - 1] & 0xFFFFFFFF if number > 256 else AT_FDCWD
        base = os.readlink(f"{self._proc}/cwd") if folder == AT_FDCWD else self._descriptor_path(folder)
        return os.path.normpath(os.path.join(base, path))

    def _descriptor_path(self, descriptor: int) -> str:
        try:
            return os.readlink(f"{self._proc}/fd/{descriptor}")
        except OSError:
            return ""

    def _read_text(self, name: str) -> str:
        with open(f"{self._proc}/{name}", encoding="ascii") as file:
            return file.read()

    def _bytes(self, address: int, count: int) -> bytes:
        return os.pread(self._memory, count, address)

    def _text(self, address: int) -> bytes:
        # Up to the end of the page: the next one may not exist.
        text = b""
        while b"\0" not in text:
            start = address + len(text)
            text += self._bytes(start, 4096 - start % 4096)
        return text.split(b"\0", 1)[0]

    def _gathered(self, arguments: list[int]) -> bytes:
        vectors = self._bytes(arguments[1], 16 * arguments[2])
        return b"".join(self._bytes(*struct.unpack_from("<QQ", vectors, 16 * place)) for place in range(arguments[2]))


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number
