"""Every state that a power cut may leave, from the operations of a recording: at each moment, what is durable for sure,
and of the rest whatever the policy lets happen."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from .ops import ROOT, SECTOR, Image, Op

Names = dict[int, dict[str, int]]
# An operation and which of its sectors reached the disk (None: all).
Applied = tuple[Op, tuple[int, ...] | None]


@dataclass(frozen=True)
class Policy:
    """How much is tried at one moment, and how bad the file system is."""

    variants: int = 60
    ordered_names: bool = True


@dataclass(frozen=True)
class Cut:
    """One moment: what is durable, and the operations that may have happened, in order."""

    time: int
    names: Names
    files: dict[int, bytes]
    data: tuple[Op, ...]
    moves: tuple[Op, ...]


@dataclass(frozen=True)
class DiskState:
    names: Names
    files: dict[int, bytes]  # what is durable
    changed: dict[int, bytes]  # what differs from it
    story: str

    def tree(self) -> tuple[list[str], dict[str, bytes]]:
        """Its directories, parents first, and its files."""
        folders: list[str] = []
        files: dict[str, bytes] = {}
        waiting = [("", ROOT)]
        while waiting:
            prefix, folder = waiting.pop()
            for name, node in self.names.get(folder, {}).items():
                path = prefix + name
                if node in self.names:
                    folders.append(path)
                    waiting.append((path + "/", node))
                else:
                    content = self.changed.get(node)
                    files[path] = self.files.get(node, b"") if content is None else content
        return sorted(folders), files


def _move(names: Names, op: Op) -> Names:
    changed = dict(names)
    for what, folder, name, node in op.moves:
        changed[folder] = dict(changed.get(folder, {}))
        if what == "put":
            changed[folder][name] = node
        elif changed[folder].get(name) == node:
            del changed[folder][name]
    return changed


def cuts(image: Image, ops: list[Op], folders: set[int], policy: Policy) -> Iterator[Cut]:
    """One cut per moment at which something began or ended. folders: the nodes that are directories."""
    events = sorted(
        [(op.begin, 0, i) for i, op in enumerate(ops)] + [(op.end, 1, i) for i, op in enumerate(ops) if op.end is not None]
    )
    names: Names = {node: dict(entries) for node, entries in image.names.items()} | {n: {} for n in folders - image.names.keys()}
    files = dict(image.files)
    data: list[Op] = []
    moves: list[Op] = []
    for position, (time, is_end, index) in enumerate(events):
        op = ops[index]
        if not is_end and op.kind in ("write", "truncate"):
            data.append(op)
        elif not is_end and op.kind == "name":
            moves.append(op)
        elif is_end and op.kind == "sync" and op.node in folders:
            touching = [
                i for i, m in enumerate(moves) if m.is_over(op.begin) and any(folder == op.node for _, folder, _, _ in m.moves)
            ]
            durable = set(range(touching[-1] + 1)) if touching and policy.ordered_names else set(touching)
            for i in sorted(durable):
                names = _move(names, moves[i])
            moves = [m for i, m in enumerate(moves) if i not in durable]
        elif is_end and op.kind == "sync":
            mine = [d for d in data if d.node == op.node and d.is_over(op.begin)]
            if mine:
                files = files | {op.node: _content(files.get(op.node, b""), [(d, None) for d in mine], mine, False)}
                data = [d for d in data if not any(d is m for m in mine)]
        if position + 1 < len(events) and events[position + 1][0] == time:
            continue
        yield Cut(time, names, files, tuple(data), tuple(moves))


def _content(base: bytes, applied: list[Applied], all_of_file: list[Op], is_grown: bool) -> bytes:
    """A file after some of its operations. is_grown: its length is what all of them make it, whatever arrived."""
    out = bytearray(base)
    chosen = {id(op): sectors for op, sectors in applied}
    for op in all_of_file:
        if op.kind == "truncate":
            if id(op) not in chosen:
                break  # what was written after it went into blocks that the file does not have yet
            if len(out) > op.offset:
                del out[op.offset :]
            elif len(out) < op.offset:
                out.extend(bytes(op.offset - len(out)))
            continue
        if id(op) not in chosen:
            if is_grown and len(out) < op.offset + len(op.data):
                out.extend(bytes(op.offset + len(op.data) - len(out)))
            continue
        sectors = chosen[id(op)]
        if sectors is None:
            _write(out, op.offset, op.data)
            continue
        first = op.offset // SECTOR
        for sector in sectors:
            start = max((first + sector) * SECTOR, op.offset)
            end = min((first + sector + 1) * SECTOR, op.offset + len(op.data))
            _write(out, start, op.data[start - op.offset : end - op.offset])
    return bytes(out)


def _write(out: bytearray, offset: int, data: bytes) -> None:
    if len(out) < offset:
        out.extend(bytes(offset - len(out)))
    out[offset : offset + len(data)] = data


def _sector_count(op: Op) -> int:
    return 0 if op.kind != "write" else (op.offset + len(op.data) - 1) // SECTOR - op.offset // SECTOR + 1


def variants(cut: Cut, policy: Policy, rng: random.Random) -> Iterator[DiskState]:
    """States of one moment: nothing of what was not synced, all of it, each prefix, all but one, one alone, torn ones, as many
    as `policy.variants` allows; then half as many by chance. Names go with each, as policy says."""
    names = _NameChoices(cut, policy, rng)
    choices = list(_systematic(cut.data))
    if len(choices) > policy.variants:
        choices = choices[:3] + rng.sample(choices[3:], max(0, policy.variants - 3))
    for number, (applied, is_grown, story) in enumerate(choices):
        for moved, moved_story in names.systematic() if number < 3 else [names.any()]:
            yield _state(cut, moved, applied, is_grown, f"{story}; {moved_story}")
    if len(cut.data) < 2 and not any(_sector_count(op) > 1 for op in cut.data) and len(cut.moves) < 2:
        return
    for _ in range(policy.variants // 2):
        chance = rng.choice((0.1, 0.5, 0.9))
        applied = []
        for op in cut.data:
            if rng.random() < chance:
                count = _sector_count(op)
                is_torn = count > 1 and rng.random() < 0.4
                applied.append((op, tuple(s for s in range(count) if rng.random() < 0.5) if is_torn else None))
        moved, moved_story = names.any()
        yield _state(cut, moved, applied, rng.random() < 0.3, f"{len(applied)} of {len(cut.data)} by chance; {moved_story}")


def _systematic(data: tuple[Op, ...]) -> Iterator[tuple[list[Applied], bool, str]]:
    whole: list[Applied] = [(op, None) for op in data]
    yield [], False, "nothing unsynced"
    if data:
        yield whole, False, "everything"
        yield [], True, "nothing unsynced, lengths grown"
    for i in range(1, len(data)):
        yield whole[:i], False, f"the first {i} of {len(data)}"
    for i in range(len(data)):
        if len(data) > 1:
            yield whole[:i] + whole[i + 1 :], False, f"all but {i}"
            yield [whole[i]], False, f"only {i}"
        count = _sector_count(data[i])
        for cut_at in sorted({1, count // 2, count - 1} - {0, count}):
            yield whole[:i] + [(data[i], tuple(range(cut_at)))], False, f"the first {i}, then {cut_at} sectors of {count}"
            yield whole[:i] + [(data[i], tuple(range(cut_at, count)))] + whole[i + 1 :], False, f"all but {cut_at} sectors of {i}"


class _NameChoices:
    """Names as they may be: prefixes of what was done, or any part of it."""

    def __init__(self, cut: Cut, policy: Policy, rng: random.Random) -> None:
        self.moves, self.policy, self.rng = cut.moves, policy, rng
        self.prefixes = [cut.names]
        for op in cut.moves:
            self.prefixes.append(_move(self.prefixes[-1], op))

    def systematic(self) -> list[tuple[Names, str]]:
        return [(names, f"{i} of {len(self.moves)} names") for i, names in enumerate(self.prefixes)]

    def any(self) -> tuple[Names, str]:
        if self.policy.ordered_names or self.rng.random() < 0.3:
            i = self.rng.randrange(len(self.prefixes))
            return self.prefixes[i], f"{i} of {len(self.moves)} names"
        names, kept = self.prefixes[0], [op for op in self.moves if self.rng.random() < 0.5]
        for op in kept:
            names = _move(names, op)
        return names, f"{len(kept)} of {len(self.moves)} names, in any order"


def _state(cut: Cut, names: Names, applied: list[Applied], is_grown: bool, story: str) -> DiskState:
    changed: dict[int, bytes] = {}
    for node in {op.node for op in cut.data}:
        mine = [op for op in cut.data if op.node == node]
        changed[node] = _content(cut.files.get(node, b""), [a for a in applied if a[0].node == node], mine, is_grown)
    return DiskState(names, cut.files, changed, story)
