"""Searches that are timed, and another process that keeps the daemon busy meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from daemon import Daemon

PYTHON = str(Path(__file__).resolve().parents[2] / "python")


class Busy:
    """A process that runs a program without a pause. The program says `ready`, then how much it has done, line by line; `rate` is
    how much that was a second, known at the end. It is formatted with `python`, `socket` and what is given."""

    def __init__(self, program: str, daemon: Daemon, **given: Any) -> None:
        text = program.format(python=PYTHON, socket=daemon.socket, **given)
        self.process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
        self.rate = 0.0

    def __enter__(self) -> "Busy":
        if self.process.stdout is None or self.process.stdout.readline() != "ready\n":
            raise SystemExit("the process beside the searches did not start")
        self.begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self.begun
        self.process.terminate()
        lines = self.process.stdout.read().split() if self.process.stdout else []
        self.rate = (int(lines[-1]) if lines else 0) / spent


def p99(search: Callable[[np.ndarray], None], queries: np.ndarray, seconds: float) -> tuple[float, int]:
    """Of the times of searches, one after the other; and how many they were."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        query = queries[len(times) % len(queries)]
        begun = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - begun)
    return float(np.percentile(times, 99)), len(times)
