"""Peers side by side: sweep each alone for the settings that reach a recall, then time these in interleaved rounds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
TARGETS = (0.90, 0.95, 0.99)
ENOUGH = 0.995  # beyond the greatest target
SWEEP_SECONDS = 30.0  # a setting slower than this ends a sweep: it will not be the fastest


class Worker:
    """A process that answers lines: a peer, or vecbench."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)

    def ask(self, line: str) -> dict:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self.name} ended at {line!r} with status {self.process.wait()}")
        return json.loads(answer)

    def resident(self) -> int:
        """Bytes of memory that are this process's own and its children's; mapped files are not counted."""
        pid, total = self.process.pid, 0
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in [str(pid), *children]:
            for line in Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1]) * 1024
        return total

    def build(self, line: str, seconds: float | None = None) -> tuple[dict, int]:
        """The answer to a build command, and the memory that the index takes; rows that a peer keeps are part of it.
        A build that takes longer than `seconds` is given up."""
        self.ask("ready")
        before = self.resident()
        alarm = threading.Timer(seconds, self.process.kill) if seconds else None
        if alarm:
            alarm.start()
        start = time.monotonic()
        try:
            answer = self.ask(line)
        except RuntimeError:
            if seconds and time.monotonic() - start >= seconds:
                raise RuntimeError(f"its build was given up after {seconds:.0f} s") from None
            raise
        finally:
            if alarm:
                alarm.cancel()
        return answer, max(0, self.resident() - before)

    def ids(self) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            self.ask(f"ids {folder}/ids.npy")
            return np.load(f"{folder}/ids.npy")

    def close(self) -> None:
        try:
            if self.process.stdin:
                self.process.stdin.close()  # it ends by itself, and stops what it has started
            self.process.wait(10)
        except BrokenPipeError:
            self.process.wait()  # it has ended before
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Entry:
    """One index of vecd or of a peer in a contest. `index` is what vecbench calls it; empty for peers."""

    name: str
    worker: Worker
    index: str = ""
    about: str = ""
    build_seconds: float = 0.0
    bytes: int = 0
    queries: int = 0
    # (k, batch) to [(setting, recall, queries per second)], in the order of the sweep
    sweep: dict[tuple[int, int], list[tuple[int, float, float]]] = field(default_factory=dict)

    def run(self, k: int, setting: int, batch: int) -> float:
        """Queries per second of one pass over all queries."""
        line = f"run {self.index} {k} {setting} {batch}" if self.index else f"run {k} {setting} {batch}"
        answer = self.worker.ask(line)
        self.queries = answer["queries"]
        return answer["queries"] / answer["seconds"]


def sweep(entry: Entry, k: int, batch: int, settings: list[int], recall: Callable[[np.ndarray, int], float], say) -> None:
    """Tries settings in their order until one finds nearly all. `recall` takes ids and k."""
    points: list[tuple[int, float, float]] = []
    for setting in settings:
        speed = entry.run(k, setting, batch)
        share = recall(entry.worker.ids(), k)
        points.append((setting, share, speed))
        if share >= ENOUGH or entry.queries / speed > SWEEP_SECONDS:
            break
    entry.sweep[k, batch] = points
    best = max(points, key=lambda point: point[1])
    say(f"  {entry.name}, k = {k}, {batch} at a time: recall up to {best[1]:.3f}")


def chosen(points: list[tuple[int, float, float]], target: float) -> tuple[int, float] | None:
    """The fastest setting that reaches a recall, and that recall; None when none does."""
    reaching = [point for point in points if point[1] >= target]
    if not reaching:
        return None
    setting, share, _ = max(reaching, key=lambda point: point[2])
    return setting, share


def rounds(entries: list[Entry], k: int, batch: int, target: float, count: int) -> list[dict]:
    """Times the chosen settings of all that reach the target, one after the other in each round."""
    picks = [(entry, pick) for entry in entries if (pick := chosen(entry.sweep.get((k, batch), []), target))]
    speeds: dict[str, list[float]] = {entry.name: [] for entry, _ in picks}
    for number in range(count + 1):
        for entry, (setting, _) in list(picks):
            try:
                speed = entry.run(k, setting, batch)
            except RuntimeError:  # it died: the others' numbers stand
                picks = [pick for pick in picks if pick[0] is not entry]
                continue
            if number:  # the first round warms up
                speeds[entry.name].append(speed)
    return [
        {
            "name": entry.name, "setting": setting, "recall": share, "median": statistics.median(speeds[entry.name]),
            "least": min(speeds[entry.name]), "greatest": max(speeds[entry.name]), "rounds": speeds[entry.name],
        }
        for entry, (setting, share) in picks
    ]


def ratio(results: list[dict]) -> dict | None:
    """vecd's best index against the best peer, round by round; None when one side does not reach the target."""
    ours = [result for result in results if result["name"].startswith("vecd")]
    theirs = [result for result in results if not result["name"].startswith("vecd")]
    if not ours or not theirs:
        return None
    mine, other = (max(side, key=lambda result: result["median"]) for side in (ours, theirs))
    shares = [a / b for a, b in zip(mine["rounds"], other["rounds"])]
    return {
        "vecd": mine["name"], "peer": other["name"], "median": statistics.median(shares), "least": min(shares),
        "greatest": max(shares),
    }


def worker_command(peer: str, items: Path, queries: Path, held: Path | None, metric: str, core: int) -> list[str]:
    command = [sys.executable, str(HERE / "worker.py"), peer, str(items), str(queries), metric, str(core)]
    return [*command, str(held)] if held else command
