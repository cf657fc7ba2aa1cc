"""The order of syncs in a recording, as rules: what the explorer finds by opening states, said of every single rename.

Before something gets its final name, all that it holds was synced: of a file its bytes, of a directory its names and the bytes
below. After it, its directory is synced before anything rests on the name: before a segment's id is written to the manifest,
before the step that made anything else is acknowledged.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .ops import Op
from .record import Recording

_SEGMENT = re.compile(r"/store/segments/([0-9a-f]{32})\.vseg$")


@dataclass(frozen=True)
class Breach:
    rule: str
    path: str
    time: int

    def __str__(self) -> str:
        return f"line {self.time}: {self.path}: {self.rule}"


class Syncs:
    """What was synced when."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.changes: dict[int, list[Op]] = {}  # of a node: writes and truncations, and of a directory its names
        self.syncs: dict[int, list[Op]] = {}
        self.names: list[Op] = []
        for op in recording.ops:
            if op.kind == "sync":
                self.syncs.setdefault(op.node, []).append(op)
            elif op.kind in ("write", "truncate"):
                self.changes.setdefault(op.node, []).append(op)
            elif op.kind == "name":
                self.names.append(op)
                for _, folder, _, _ in op.moves:
                    self.changes.setdefault(folder, []).append(op)

    def is_synced(self, node: int, after: int, before: int) -> bool:
        """Whether a sync of it began after a time and had ended before another."""
        return any(s.begin >= after and s.end is not None and s.end <= before for s in self.syncs.get(node, []))

    def is_durable(self, node: int, time: int) -> bool:
        """Whether all that was done to it before a time was synced by then."""
        done = [op for op in self.changes.get(node, []) if op.begin < time]
        return not done or self.is_synced(node, max(op.end or time for op in done), time)

    def below(self, folder: int, time: int) -> Iterator[int]:
        """A directory and everything in it at a time; a file is only itself."""
        yield folder
        inside: dict[str, int] = {}
        for op in self.names:
            if op.begin < time:
                for what, where, name, node in op.moves:
                    if where == folder and what == "put":
                        inside[name] = node
                    elif where == folder:
                        inside.pop(name, None)
        for node in inside.values():
            yield from self.below(node, time)


def breaches(recording: Recording) -> list[Breach]:
    syncs, out = Syncs(recording), []
    manifest = [op for op in recording.ops if op.kind == "write" and "/store/manifest.sqlite" in op.path]
    for op in syncs.names:
        if op.end is None:
            continue  # killed in it: nothing rests on it
        puts = [(folder, name, node) for what, folder, name, node in op.moves if what == "put"]
        is_rename = len(puts) < len(op.moves)
        for folder, name, node in puts:
            if _is_temporary(op.path):
                continue
            if is_rename and any(not syncs.is_durable(part, op.begin) for part in syncs.below(node, op.begin)):
                out.append(Breach("named before its content was synced", op.path, op.begin))
            until = _rests_on(recording, manifest, op)
            if op.path.endswith("-ballast"):
                continue  # room without content: a start without it makes it anew
            if until is not None and not syncs.is_synced(folder, op.end, until):
                out.append(Breach("rested upon before its directory was synced", op.path, op.begin))
    return out


def _is_temporary(path: str) -> bool:
    """A name that is never kept, or is in a directory that has such a one: it counts when that is renamed."""
    return "/.tmp-" in path or "(nameless)" in path


def _rests_on(recording: Recording, manifest: list[Op], op: Op) -> int | None:
    """When something first rests on a name; None when nothing ever did."""
    assert op.end is not None
    if segment := _SEGMENT.search(op.path):
        identity = bytes.fromhex(segment.group(1))
        return next((write.begin for write in manifest if write.begin >= op.end and identity in write.data), None)
    place = bisect_left(recording.acknowledged, op.end)
    return recording.acknowledged[place] if place < len(recording.acknowledged) else None


def renames(recording: Recording) -> list[Op]:
    """Into place: what the rules are about."""
    moves = (op for op in recording.ops if op.kind == "name" and len(op.moves) > 1 and not _is_temporary(op.path))
    return list(moves)


def planted(recording: Recording) -> Iterator[tuple[str, Recording]]:
    """For each rename into place two recordings: one without the syncs of what it names, one without those of its directory that
    came in time. The rules must find a breach in each."""
    syncs = Syncs(recording)
    manifest = [op for op in recording.ops if op.kind == "write" and "/store/manifest.sqlite" in op.path]
    for op in renames(recording):
        for _, folder, _, node in (move for move in op.moves if move[0] == "put"):
            parts = set(syncs.below(node, op.begin))
            if any(syncs.changes.get(part) for part in parts):
                yield f"{op.path}, content", _without(recording, lambda s: s.node in parts and s.begin < op.begin)
            if op.end is not None and (until := _rests_on(recording, manifest, op)) is not None:
                yield f"{op.path}, directory", _without(
                    recording, lambda s: s.node == folder and op.begin <= s.begin <= until  # type: ignore[operator]
                )


def _without(recording: Recording, unwanted: Callable[[Op], bool]) -> Recording:
    return replace(recording, ops=[op for op in recording.ops if op.kind != "sync" or not unwanted(op)])
