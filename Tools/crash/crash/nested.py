"""Crashes of the recovery from a crash: recoveries are recorded as the daemon's life was, and cut again, several times deep.

Besides the rule of every crash there is one more: what a recovery showed when it was done is what every later one shows.
Whoever read it may have acted on it.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import strace
from .checker import Checker, materialize
from .ops import Image
from .explore import Edges, Findings, explore_part
from .model import seen
from .programs import program, scratch
from .record import Recording, recording_of_opening
from .states import DiskState, Policy

Sample = tuple[DiskState, Edges, dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    depth: int = 2  # recoveries that are cut short in a row
    follow: int = 3  # states of each recovery that are followed to the next depth
    policy: Policy = Policy(variants=8)
    plant: Callable[[Recording], Recording] | None = None  # a bug of recoveries


def trace_openings(sample: list[Sample], run: Recording, folder: Path) -> list[tuple[Recording, Edges, Edges]]:
    """Opens each state under strace. With each recording: what may be seen while it runs, and what after."""
    places, images = [], []
    for number, (state, _, _) in enumerate(sample):
        places.append(folder / f"n{number}")
        materialize(places[-1], state)
        images.append(Image.of(str(places[-1])))
    log = folder / "trace"
    asked = "".join(f"{place}/store\n" for place in places).encode()
    command = [*strace.command(str(log)), program("crashcheck")]
    done = subprocess.run(command, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    lines = log.read_text().splitlines()
    out = []
    for place, image, edges, answer in zip(places, images, (s[1] for s in sample), done.stdout.splitlines()):
        hexadecimal = "".join(f"\\x{byte:02x}" for byte in f"{place}/".encode())
        whole = hexadecimal[:-4] + ">"  # the directory itself, as a descriptor
        mine = [line for line in lines if hexadecimal in line or whole in line]
        recording = recording_of_opening(place, image, mine, run)
        shown = seen(json.loads(answer)) if b'"collections"' in answer else None
        number = next((n for n in range(edges[0], edges[1] + 1) if run.views[n] == shown), edges[0])
        out.append((recording, edges, (number, number)))
    return out


def _nest(sample: list[Sample], run: Recording, plan: Plan, depth: int, seed: int, until: float) -> dict[int, Findings]:
    found = {depth: Findings()}
    with scratch() as folder, scratch() as states:
        checker = Checker(states)
        try:
            deeper: list[Sample] = []
            for number, (recording, during, after) in enumerate(trace_openings(sample, run, folder)):
                if time.monotonic() > until:
                    break
                recording = plan.plant(recording) if plan.plant else recording
                changes = [op for op in recording.ops if op.kind != "said"]
                end = max((op.end or op.begin for op in changes), default=-1)
                allowed = _until(end, during, after)
                part = explore_part(recording, plan.policy, seed + number, (0, 1), plan.follow, allowed, 1e9, checker)
                deeper += part.sample
                part.sample = []
                found[depth].add(part)
        finally:
            checker.close()
    if depth < plan.depth and deeper:
        for level, part in _nest(deeper, run, plan, depth + 1, seed + 7919, until).items():
            found[level] = part
    return found


def _until(end: int, during: Edges, after: Edges) -> Callable[[int], Edges]:
    return lambda time: after if time >= end else during


def nest(
    sample: list[Sample], run: Recording, plan: Plan, seed: int, workers: int = 2, budget: float = 1e9
) -> dict[int, Findings]:
    """By depth: 1 is a crash of the recovery from a crash, 2 a crash of the recovery from that, and so on."""
    start = time.monotonic()
    jobs = [(sample[i::workers], run, plan, 1, seed + i, start + budget) for i in range(workers) if sample[i::workers]]
    found: dict[int, Findings] = {}
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for part in pool.starmap(_nest, jobs):
            for depth, findings in part.items():
                found.setdefault(depth, Findings()).add(findings)
    for findings in found.values():
        findings.seconds = time.monotonic() - start
    return found
