"""Recordings: a list of steps run on the real daemon under strace, and what of it was acknowledged when.

The daemon itself tells the moments. Before and after each step the client sends a ping whose bytes name it, and the reply
that vecd writes to its socket is in the log among the writes to its files. A step is acknowledged when vecd begins to
write its last reply, which is earlier than its client can know of it: nothing done after that may matter.
"""

from __future__ import annotations

import re
import signal
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import vecd
from vecd.wire import HEADER, MAGIC, REPLY_BIT, Kind

from . import strace
from .disk import Recorder
from .ops import Image, Op
from .model import State, complaint, view
from .programs import Daemon, observe, scratch
from .steps import Step, states
from .writes import Snapshot, Write, send_together


@dataclass
class Recording:
    image: Image
    ops: list[Op]
    folders: set[int]
    steps: list[Step]
    views: list[Any]
    begun: list[int] = field(default_factory=list)  # times
    acknowledged: list[int] = field(default_factory=list)

    # What a client was shown of sequence numbers: the time, how many steps were done, and the number of each collection.
    shown: list[tuple[int, int, dict[str, int]]] = field(default_factory=list)

    def counts(self, time: int) -> tuple[int, int]:
        """How many steps were acknowledged, and how many begun."""
        return bisect_right(self.acknowledged, time), bisect_right(self.begun, time)

    def complaint_of_sequences(self, answer: dict[str, Any], time: int, begun: int) -> str | None:
        """A sequence number that was shown is never given again, as long as its collection is there."""
        place = bisect_right(self.shown, time, key=lambda entry: entry[0])
        if not place or "error" in answer:
            return None
        _, done, numbers = self.shown[place - 1]
        made_anew = {s.collection for s in self.steps[done:begun] if s.kind in ("create", "drop")}
        for collection in answer["collections"]:
            least = numbers.get(collection["name"], 0)
            if collection["name"] not in made_anew and collection["sequence"] < least:
                return f"{collection['name']} is at sequence {collection['sequence']}, a client saw {least}"
        return None

    def complaint_of_snapshots(self, answer: dict[str, Any], acknowledged: int, begun: int) -> str | None:
        """A snapshot that was acknowledged is there, and each that is there is a store as of its step."""
        found = answer.get("snapshots", {})
        for name, number in _known_snapshots(self.steps).items():
            if number < acknowledged and name not in found:
                return f"snapshot {name} was acknowledged and is not there"
            if name in found and (problem := complaint(found[name], self.views, number, number)):
                return f"snapshot {name}: {problem}"
        return None


def _known_snapshots(steps: list[Step]) -> dict[str, int]:
    """Before which step each snapshot was made."""
    return {step.name: number for number, step in enumerate(steps) if isinstance(step, Snapshot)}


def _mark(word: str, number: int, count: int) -> bytes:
    return f"crash-mark {word} {number} {count};".encode()


_MARK = re.compile(rb"crash-mark (begin|done) (\d+) (\d+);")

_SHOWN = re.compile(rb"crash-shown (\d+) ([^;]*);")


def _bunch(steps: list[Step], together: int) -> list[Step]:
    """The next step, or single writes that follow each other."""
    writes = list(takewhile(lambda step: isinstance(step, Write), steps[:together]))
    return writes if len(writes) > 1 else steps[:1]


def _run(client: vecd.Client, bunch: list[Step]) -> None:
    if len(bunch) == 1:
        bunch[0].run(client)
    elif error := send_together(client, bunch)[1]:  # type: ignore[arg-type]
        raise error


def record(
    steps: list[Step], restarts: dict[int, int] | None = None, first: State | None = None, together: int = 5
) -> Recording:
    """Runs the steps. restarts: before which step the daemon ends and by which signal, to be started again. together: single
    writes that are sent at once.

    The state that the daemon shows is held against the model after every life of it, so a recording is of a daemon that
    works when nothing breaks.
    """
    with scratch() as side:
        base = side / "disk"
        base.mkdir()
        daemon = Daemon(base / "store", side)
        recorder = Recorder(str(base))
        models = states(steps, first)
        log, line = side / "trace", 0
        for chunk, (start, end) in enumerate(_lives(len(steps), restarts or {})):
            client = daemon.start(strace.command(str(log)))
            number = start
            while number < end:
                bunch = _bunch(steps[number:end], together)
                client.ping(_mark("begin", number, len(bunch)))
                _run(client, bunch)
                client.ping(_mark("done", number, len(bunch)))
                numbers = ",".join(f"{c.name}={c.sequence}" for c in client.collections())
                client.ping(f"crash-shown {number + len(bunch)} {numbers};".encode())
                number += len(bunch)
            if problem := complaint(observe(client), [view(models[end])], 0, 0):
                raise AssertionError(f"without any crash, after step {end} ({steps[end - 1]}): {problem}")
            client.close()
            daemon.end((restarts or {}).get(end, signal.SIGTERM))
            recorder.life()
            lines = log.read_text().splitlines()
            recorder.take(strace.calls(lines, line))
            line += len(lines)
    recording = Recording(recorder.image, recorder.ops, set(recorder.names), steps, [view(model) for model in models])
    _place_marks(recording)
    return recording


def _lives(count: int, restarts: dict[int, int]) -> list[tuple[int, int]]:
    edges = [0, *sorted(restarts), count]
    return list(zip(edges, edges[1:]))


def _place_marks(recording: Recording) -> None:
    last, replies = 0, []  # when the last reply began, and when those to single writes did
    for op in recording.ops:
        if op.kind != "said":
            continue
        for word, number, count in _MARK.findall(op.data):
            times = recording.begun if word == b"begin" else recording.acknowledged
            assert len(times) == int(number), f"mark {word!r} {number!r} is out of order"
            if word == b"done" and int(count) > 1:
                assert len(replies) == int(count), f"{len(replies)} replies to {count} single writes"
                times += replies
            else:
                times += [op.begin if word == b"begin" else last] * int(count)
            replies = []
        for done, numbers in _SHOWN.findall(op.data):
            pairs = (pair.split("=") for pair in numbers.decode().split(",") if pair)
            recording.shown.append((op.begin, int(done), {name: int(number) for name, number in pairs}))
        replies += [op.begin] * _replies_to_writes(op.data)
        last = op.begin
    assert len(recording.acknowledged) == len(recording.steps) == len(recording.begun), "marks are missing in the trace"


def _replies_to_writes(data: bytes) -> int:
    """How many frames of what the daemon said answer single writes. It hands whole frames to its socket."""
    count, at = 0, 0
    while at < len(data):
        magic, length, _, kind, _, _ = HEADER.unpack_from(data, at)
        assert magic == MAGIC, "a reply that begins within a write to the socket"
        count += kind in (Kind.UPSERT | REPLY_BIT, Kind.DELETE | REPLY_BIT)
        at += HEADER.size + length
    return count


def recording_of_opening(base: Path, image: Image, lines: list[str], run: Recording) -> Recording:
    """What a recovery of the store below `base` did, from lines of a trace; its steps are those of the run that was cut."""
    recorder = Recorder(str(base), image)
    recorder.take(strace.calls(lines))
    return Recording(recorder.image, recorder.ops, set(recorder.names), run.steps, run.views)
