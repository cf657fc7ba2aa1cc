"""strace's log of a daemon, as calls: what was asked, what came of it, when it began and when it had ended.

Every system call with which Linux can change a file is recorded. Those that vecd uses are understood (`disk.py`); any other
one that touches the store ends the run, so a new way of writing cannot slip past the explorer unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .programs import tool

UNDERSTOOD = (
    "open openat creat write writev pwrite64 pwritev pwritev2 copy_file_range fsync fdatasync rename renameat renameat2 "
    "link linkat unlink unlinkat rmdir mkdir mkdirat ftruncate fallocate close dup dup2 dup3 fcntl mmap sendmsg sendto"
).split()
# On the store these end the run.
OTHERS = (
    "openat2 sendfile splice vmsplice sync syncfs sync_file_range msync symlink symlinkat mknod mknodat truncate close_range "
    "io_uring_setup io_setup io_submit ioctl"
).split()


def command(log: str, path_only: str | None = None) -> list[str]:
    """The prefix that records what follows it. Strings whole and in hexadecimal, descriptors with their paths."""
    calls = ",".join(UNDERSTOOD + OTHERS)
    return [tool("strace"), "-f", "-y", "-xx", "-s", "67108864", "--seccomp-bpf", "-qq", "-e", "signal=none",
            "-e", f"trace={calls}", "-o", log]


@dataclass(frozen=True)
class Call:
    """One system call. begin, end: lines of the log, so calls can be ordered; end is None when the process died in it."""

    name: str
    arguments: str
    result: int | None
    begin: int
    end: int | None

    @property
    def failed(self) -> bool:
        return self.result is None or self.result < 0

    def strings(self) -> list[bytes]:
        return [_unhex(text) for text in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', self.arguments)]

    def paths_of_descriptors(self) -> list[tuple[str, str]]:
        """The descriptors named, with their paths: ("7", "/store/manifest.sqlite"), or "AT_FDCWD" and the directory."""
        found = re.findall(r"(?:^|[ {,=])(AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2}|[^>])*)>", self.arguments)
        return [(number, _unhex(path).decode(errors="replace")) for number, path in found]

    def numbers(self) -> list[int]:
        """The plain numbers among the arguments, in order."""
        bare = re.sub(r'"[^"]*"|<[^>]*>', "", self.arguments)
        return [int(word, 0) for word in re.findall(r"(?:^|[ ,={])(-?(?:0x[0-9a-f]+|\d+))(?=[,}\] ]|$)", bare)]

    @property
    def descriptor(self) -> int:
        match = re.match(r"(\d+)", self.arguments)
        return int(match.group(1)) if match else -1


def _unhex(text: str) -> bytes:
    if "\\x" not in text:
        return text.encode()
    return bytes.fromhex(text.replace("\\x", ""))


_LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>)?(.*)$")
_WHOLE = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)(.*)$")
_TAIL = re.compile(r"^(.*)\) += (-?\d+|\?|0x[0-9a-f]+)(.*)$")


def calls(lines: Iterable[str], first: int = 0) -> Iterator[Call]:
    """Calls in the order in which they ended; those that never did come last."""
    unfinished: dict[str, tuple[str, str, int]] = {}
    for number, line in enumerate(lines, first):
        match = _LINE.match(line.rstrip("\n"))
        if not match:
            continue
        thread, resumed, rest = match.groups()
        if resumed:
            name, before, begin = unfinished.pop(thread, (resumed, "", number))
            tail = _TAIL.match(rest.strip())
            if tail:
                yield Call(name, before + tail.group(1), _result(tail.group(2)), begin, number)
        elif rest.endswith("<unfinished ...>"):
            name, _, before = rest[: -len("<unfinished ...>")].partition("(")
            unfinished[thread] = (name, before.rstrip(), number)
        elif whole := _WHOLE.match(rest):
            yield Call(whole.group(1), whole.group(2), _result(whole.group(3)), number, number)
    for name, before, begin in unfinished.values():
        yield Call(name, before, None, begin, None)


def _result(text: str) -> int | None:
    return None if text == "?" else int(text, 0)
