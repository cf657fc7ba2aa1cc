"""Planted bugs: a recording changed as if vecd had the bug. Exploring it must find violations, or the method proves nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from .ops import Op
from .record import Recording

# Between two lines of a log there is room for what is moved there.
SPREAD = 1000


def _spread(recording: Recording) -> Recording:
    ops = [replace(op, begin=op.begin * SPREAD, end=None if op.end is None else op.end * SPREAD) for op in recording.ops]
    return replace(
        recording, ops=ops, begun=[t * SPREAD for t in recording.begun],
        acknowledged=[t * SPREAD for t in recording.acknowledged],
        shown=[(t * SPREAD, done, numbers) for t, done, numbers in recording.shown],
    )


def _without(recording: Recording, unwanted: Callable[[Op], bool]) -> Recording:
    return replace(recording, ops=[op for op in recording.ops if not unwanted(op)])


def no_directory_sync(recording: Recording) -> Recording:
    return _without(recording, lambda op: op.kind == "sync" and op.node in recording.folders)


def no_segment_sync(recording: Recording) -> Recording:
    return _without(recording, lambda op: op.kind == "sync" and "/store/segments/" in op.path)


def no_snapshot_sync(recording: Recording) -> Recording:
    return _without(recording, lambda op: op.kind == "sync" and "/snapshots/" in op.path)


def no_log_sync(recording: Recording) -> Recording:
    """As with synchronous=NORMAL and no sync before a checkpoint."""
    return _without(recording, lambda op: op.kind == "sync" and op.path.endswith("-wal"))


def no_database_sync(recording: Recording) -> Recording:
    """The log is emptied before what was folded out of it is durable."""
    return _without(recording, lambda op: op.kind == "sync" and op.path.endswith("manifest.sqlite"))


def acknowledged_early(recording: Recording) -> Recording:
    """Each reply before the first sync of its step instead of after the last."""
    spread = _spread(recording)
    syncs = [op.begin for op in spread.ops if op.kind == "sync"]
    times = []
    for begun, acknowledged in zip(spread.begun, spread.acknowledged):
        place = bisect_left(syncs, begun)
        times.append(min(acknowledged, syncs[place] - 1) if place < len(syncs) else acknowledged)
    return replace(spread, acknowledged=times)


def unlinked_early(recording: Recording) -> Recording:
    """Segments are removed before the manifest forgets them: when the step begins that drops or replaces them."""
    spread = _spread(recording)
    ops: list[Op] = []
    for op in spread.ops:
        is_removal = op.kind == "name" and op.path.endswith(".vseg") and all(move[0] == "take" for move in op.moves)
        before = [time for time in spread.begun if time <= op.begin]
        if is_removal and before:
            op = replace(op, begin=before[-1] + 1, end=before[-1] + 1)
        ops.append(op)
    return replace(spread, ops=sorted(ops, key=lambda op: op.begin))


def named_before_written(recording: Recording) -> Recording:
    """A segment has its final name, durably, before its content is synced."""
    spread = _spread(recording)
    ops = list(spread.ops)
    for position, op in enumerate(ops):
        if op.kind == "sync" and "/segments/" in op.path and op.node not in spread.folders:
            later = [o for o in ops[position:] if o.kind == "sync" and o.path.endswith("-wal")]
            if later:  # after the manifest's commit
                ops[position] = replace(op, begin=later[-1].begin + 1, end=later[-1].begin + 1)
    return replace(spread, ops=sorted(ops, key=lambda op: op.begin))


CONTROLS: dict[str, Callable[[Recording], Recording]] = {
    "no sync of directories": no_directory_sync,
    "no sync of segments": no_segment_sync,
    "no sync of snapshots": no_snapshot_sync,
    "no sync of the manifest's log": no_log_sync,
    "no sync of the manifest's database": no_database_sync,
    "acknowledged before the commit": acknowledged_early,
    "removed before the manifest forgets": unlinked_early,
    "named before its content is durable": named_before_written,
}
