"""Rounds, medians and the machine: how numbers are taken, apart from what is measured."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

# What `Contest` compares everything to.
BASE = "vecd"


@contextmanager
def on_core(core: int):
    """Runs this process on one core for a while; engines inside this process are measured where the daemon runs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def seconds_per_call(call: Callable[[int], object], least_seconds: float, least_calls: int = 1) -> float:
    """Mean seconds of one call, over at least so many seconds and calls. `call` gets the number of the call."""
    start = time.perf_counter()
    count = 0
    while True:
        call(count)
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed >= least_seconds and count >= least_calls:
            return elapsed / count


def median_seconds(call: Callable[[int], object], calls: int) -> float:
    times = []
    for number in range(calls):
        start = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@dataclass
class Spread:
    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Contest:
    """One thing measured on several engines, one after the other in every round. Values are seconds per unit."""

    group: str
    name: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)

    def add(self, engine: str, seconds: float) -> None:
        self.values.setdefault(engine, []).append(seconds)

    def spread(self, engine: str) -> Spread:
        return Spread.of(self.values[engine])

    def times_faster(self, engine: str, base: str = BASE) -> Spread:
        """How many times faster `base` was than `engine`, round by round."""
        return Spread.of([other / own for own, other in zip(self.values[base], self.values[engine], strict=True)])

    def as_json(self) -> dict:
        return {
            "group": self.group,
            "name": self.name,
            "unit": self.unit,
            "seconds_per_unit": {
                engine: {**vars(self.spread(engine)), "rounds": values} for engine, values in self.values.items()
            },
            "times_faster_than": {
                engine: vars(self.times_faster(engine)) for engine in self.values if engine != BASE and BASE in self.values
            },
            "notes": self.notes,
        }


def machine() -> dict:
    """What a reader must know to compare; nothing that names the machine."""
    model = flags = "unknown"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":") for line in file]
        facts = {name.strip(): value.strip() for name, _, value in reversed(lines)}
        model = facts.get("model name", platform.machine())
        known = set(facts.get("flags", facts.get("Features", "")).split())
        wanted = ("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "asimd", "asimddp")
        flags = " ".join(name for name in wanted if name in known)
        with open("/proc/meminfo", encoding="utf-8") as file:
            memory = round(int(file.readline().split()[1]) / 2**20)
    except OSError:
        memory = 0
    return {
        "cpu": model, "cpu_features": flags, "cores": os.cpu_count(), "memory_gib": memory,
        "kernel": platform.release().split("-")[0], "architecture": platform.machine(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }
