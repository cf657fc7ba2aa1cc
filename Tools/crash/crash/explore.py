"""Crash exploration: record a run, make every state that a power cut may have left of it, open each, compare with the model."""

from __future__ import annotations

import multiprocessing
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .checker import Checker, Keys
from .model import complaint
from .programs import scratch
from .record import Recording
from .states import Cut, DiskState, Policy, cuts, variants

Edges = tuple[int, int]  # steps acknowledged, steps begun


@dataclass
class Violation:
    problem: str
    moment: str
    story: str

    def __str__(self) -> str:
        return f"{self.moment}; on disk: {self.story}: {self.problem}"


@dataclass
class Findings:
    explored: int = 0
    distinct: int = 0
    cuts: int = 0
    seconds: float = 0.0
    doubtful: int = 0
    count: int = 0  # of violations
    violations: list[Violation] = field(default_factory=list)  # the first ones
    outcomes: dict[str, int] = field(default_factory=dict)
    sample: list[tuple[DiskState, Edges, dict[str, Any]]] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        for name in ("explored", "distinct", "cuts", "doubtful", "count"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.violations = (self.violations + other.violations)[:20]
        for word, count in other.outcomes.items():
            self.outcomes[word] = self.outcomes.get(word, 0) + count
        self.sample += other.sample

    @property
    def line(self) -> str:
        rate = self.explored / self.seconds if self.seconds else 0
        return (
            f"{self.explored} states at {self.cuts} moments, {self.distinct} distinct, {self.doubtful} doubtful logs, "
            f"{self.count} violations, {self.seconds:.1f} s, {rate:.0f} states/s"
        )


def explore_part(
    recording: Recording, policy: Policy, seed: int, part: tuple[int, int], sample: int,
    allowed: Callable[[int], Edges], budget: float, shared: Checker | None = None, stop_at_first: bool = False,
) -> Findings:
    rng, keys, found = random.Random(seed), Keys(), Findings()
    answers: dict[bytes, dict[str, Any]] = {}
    waiting: dict[bytes, list[tuple[Edges, Cut, DiskState]]] = {}
    until = time.monotonic() + budget

    def judge(key: bytes, edges: Edges, cut: Cut, state: DiskState) -> None:
        answer = answers[key]
        problem = complaint(answer, recording.views, *edges) or recording.complaint_of_snapshots(answer, *edges)
        problem = problem or recording.complaint_of_sequences(answer, cut.time, edges[1])
        if problem:
            found.count += 1
            kind = re.sub(r"/\S+|\b[0-9a-f]{32}\b|\d+", "#", problem)[:70]
            found.outcomes[kind] = found.outcomes.get(kind, 0) + 1
            if len(found.violations) < 10:
                found.violations.append(Violation(problem, _moment(recording, cut), state.story))
        elif answer.get("doubt"):
            found.doubtful += 1

    def settle() -> None:
        for (key, state, edges), answer in checker.done:
            answers[key] = answer
            if len(found.sample) < sample and state.changed and rng.random() < 0.05 and "error" not in answer:
                found.sample.append((state, edges, answer))
            for case in waiting.pop(key):
                judge(key, *case)
        checker.done.clear()

    with scratch() as folder:
        checker = shared or Checker(folder)
        try:
            moments = list(cuts(recording.image, recording.ops, recording.folders, policy))
            first, last = (len(moments) * part[0] // part[1], len(moments) * (part[0] + 1) // part[1])
            for cut in moments[first:last]:
                edges = allowed(cut.time)
                found.cuts += 1
                for state in variants(cut, policy, rng):
                    key = keys.key(state)
                    found.explored += 1
                    if key in answers:
                        judge(key, edges, cut, state)
                    elif key in waiting:
                        waiting[key].append((edges, cut, state))
                    else:
                        waiting[key] = [(edges, cut, state)]
                        checker.ask((key, state, edges), state)
                        settle()
                if time.monotonic() > until or (stop_at_first and found.count):
                    break
            checker.finish()
            settle()
        finally:
            if checker is not shared:
                checker.close()
    found.distinct = len(answers)
    return found


def _moment(recording: Recording, cut: Cut) -> str:
    acknowledged, begun = recording.counts(cut.time)
    step = recording.steps[begun - 1] if begun else "the start"
    last = next((op for op in reversed(recording.ops) if op.begin <= cut.time), None)
    what = f"{last.kind} {last.path.rsplit('/', 1)[-1]}" if last else "nothing"
    return f"{acknowledged} acknowledged, {begun} begun ({step}), line {cut.time} after {what}"


def explore(
    recording: Recording, policy: Policy, seed: int, workers: int = 2, sample: int = 0,
    allowed: Callable[[int], Edges] | None = None, budget: float = 1e9, stop_at_first: bool = False,
) -> Findings:
    """All states of a recording. allowed: how many steps must and may be there at a time; the recording's own otherwise."""
    start, found = time.monotonic(), Findings()
    rule = allowed or recording.counts
    jobs = [
        (recording, policy, seed * 1000 + i, (i, workers), sample // workers, rule, budget, None, stop_at_first)
        for i in range(workers)
    ]
    if workers == 1:
        found.add(explore_part(*jobs[0]))
    else:
        context = multiprocessing.get_context("fork")
        with context.Pool(workers) as pool:
            for part in pool.imap_unordered(_call, jobs):
                found.add(part)
    found.seconds = time.monotonic() - start
    return found


def _call(job: Any) -> Findings:
    return explore_part(*job)
