"""Opening thousands of stores: `crashcheck` in one process, fed with directories that are made, looked at and removed."""

from __future__ import annotations

import json
import os
import subprocess
from collections import deque
from hashlib import blake2b
from pathlib import Path
from typing import Any

from .programs import program
from .states import DiskState

WINDOW = 6  # states that may wait, so that neither side waits for the other


class Checker:
    """Answers come in the order of the questions, through `done`: a list of (token, answer)."""

    def __init__(self, folder: Path, prefix: list[str] | None = None) -> None:
        self.folder = folder
        self.prefix = prefix or []
        self.process: subprocess.Popen[bytes] | None = None
        self.waiting: deque[tuple[Any, Path, list[str]]] = deque()
        self.done: list[tuple[Any, dict[str, Any]]] = []
        self.asked = 0

    def ask(self, token: Any, state: DiskState) -> None:
        place = self.folder / str(self.asked)
        self.asked += 1
        folders = materialize(place, state)
        # Snapshots are stores; what is not finished has another name.
        names = [folder.rsplit("/", 1)[1] for folder in folders if folder.count("/") == 2 and "/snapshots/" in folder]
        self.waiting.append((token, place, [name for name in names if not name.startswith(".")]))
        self._send(*self.waiting[-1][1:])
        while len(self.waiting) > WINDOW:
            self._receive()

    def finish(self) -> None:
        """Waits for all answers; they are in `done`."""
        while self.waiting:
            self._receive()

    def close(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def _send(self, place: Path, snapshots: list[str]) -> None:
        if self.process is None:
            self.process = subprocess.Popen(
                [*self.prefix, program("crashcheck")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        assert self.process.stdin is not None
        try:
            stores = [f"{place}/store\n", *(f"{place}/store/snapshots/{name}\n" for name in snapshots)]
            self.process.stdin.write("".join(stores).encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died; reading will tell

    def _receive(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        token, place, snapshots = self.waiting.popleft()
        lines = [self.process.stdout.readline() for _ in range(1 + len(snapshots))]
        if all(lines):
            answer, *copies = (json.loads(line) for line in lines)
            if left := leftovers(place / "store", answer):
                answer = {"error": left}
            answer["snapshots"] = dict(zip(snapshots, copies))
        else:
            answer = {"error": f"recovery died with status {self.process.wait()}"}
            self.process = None
            for _, other, names in self.waiting:
                self._send(other, names)
        self.done.append((token, answer))
        remove(place)


def leftovers(store: Path, answer: dict[str, Any]) -> str | None:
    """Whether recovery left files that nothing knows (allowed only where the manifest's log is doubtful)."""
    if "error" in answer or answer.get("doubt") or any(c["fence"] for c in answer["collections"]):
        return None
    known = sum(g["segments"] for c in answer["collections"] for g in c["generations"])
    names = os.listdir(store / "segments")
    return None if len(names) == known else f"{known} segments are known and there are {sorted(names)}"


def materialize(place: Path, state: DiskState) -> list[str]:
    """Makes a state's files; returns its directories."""
    root = str(place)
    os.mkdir(root)
    folders, files = state.tree()
    for folder in folders:
        os.mkdir(f"{root}/{folder}", 0o700)
    for path, content in files.items():
        descriptor = os.open(f"{root}/{path}", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, content)
        os.close(descriptor)
    return folders


def remove(place: Path) -> None:
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remove(Path(entry.path))
            else:
                os.unlink(entry.path)
    os.rmdir(place)


class Keys:
    """The same state has the same key: names and contents, whatever led to it."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[bytes, bytes]] = {}

    def key(self, state: DiskState) -> bytes:
        folders, files = state.tree()
        out = blake2b("\0".join(folders).encode(), digest_size=16)
        for path in sorted(files):
            out.update(path.encode())
            out.update(self._digest(files[path]))
        return out.digest()

    def _digest(self, content: bytes) -> bytes:
        entry = self.known.get(id(content))
        if entry is None or entry[0] is not content:
            if len(self.known) > 4096:
                self.known.clear()  # contents of long ago; keeping one alive keeps its id from being given again
            entry = (content, blake2b(content, digest_size=16).digest())
            self.known[id(content)] = entry
        return entry[1]
