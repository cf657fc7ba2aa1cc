"""Builds engines, finds the setting each is timed at, and times them in turns."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import numpy as np

from engines import TRIED, Ask, Case, Engine, Vecd, VecdFromSwift, VecdInProcess


# How vecd is asked, and what times are given in times of.
WAYS = {
    Vecd.name: "time_of_vecd", VecdFromSwift.name: "time_of_vecd_from_swift", VecdInProcess.name: "time_of_vecd_in_process",
}


@contextmanager
def told(what: str) -> Iterator[None]:
    """Says on stderr that it begins, and how long it took."""
    print(f"{what}: begun", file=sys.stderr, flush=True)
    begun = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


def loaded(kind: type[Engine], of: str, *given: object) -> Engine | None:
    """None, and why on stderr, where the engine or what it needs is not there."""
    what = f"{kind.name}, index of {of}"
    try:
        with told(what):
            return kind(*given)
    except Exception as error:
        print(f"{what}: left out, {error!r}", file=sys.stderr, flush=True)
        return None


def on_one_core(processes: Iterable[int]) -> None:
    for process in processes:
        # A process or thread may have ended meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            for thread in os.listdir(f"/proc/{process}/task"):
                os.sched_setaffinity(int(thread), {0})


def recall_of(ask: Ask, truth: list[np.ndarray]) -> float:
    shares = [len(np.intersect1d(ask(n).astype(np.int64), truth[n])) / max(1, len(truth[n])) for n in range(TRIED)]
    return float(np.mean(shares))


def chosen(engine: Engine, case: Case, least: float) -> tuple[str, float, Ask] | None:
    """Of each kind of settings the first that reaches the recall, and of these the fastest; with what it reaches. None when
    none does, and on stderr how far they came."""
    truth, found, missed = engine.truth(case), [], []
    for settings in engine.ways(case):
        for setting, ask in settings:
            begun = time.perf_counter()
            reached = recall_of(ask, truth)
            if reached >= least:
                found.append((time.perf_counter() - begun, setting, reached, ask))
                break
            missed.append((reached, setting))
    if not found:
        reached, setting = max(missed)
        print(f"{engine.name}: a recall of {reached:.4f} at most, with {setting}", file=sys.stderr, flush=True)
        return None
    return min(found, key=lambda one: one[0])[1:]


def measure(engines: dict[str, Engine | None], case: Case, least: float, rounds: int) -> dict:
    found = {
        name: engine and chosen(engine, case, least) for name, engine in engines.items() if not engine or engine.suits(case)}
    times: dict[str, list[float]] = {name: [] for name, choice in found.items() if choice}
    if "vecd" not in times:
        raise SystemExit(f"vecd does not reach a recall of {least}, so there is nothing to compare with")
    for _ in range(rounds):
        for name in times:
            times[name].append(engines[name].timed(found[name][2], case))
    result: dict = {}
    for name, choice in found.items():
        if choice is None:
            result[name] = None
            continue
        result[name] = {"setting": choice[0], "recall": round(choice[1], 4)}
        for way, key in WAYS.items():
            if way in times:
                result[name][key] = spread(times[name], times[way])
    return result


def spread(times: list[float], of: list[float]) -> dict[str, float]:
    """Of the ratios, round by round."""
    ratios = sorted(other / own for other, own in zip(times, of))
    return {
        "median": round(statistics.median(ratios), 2), "least": round(ratios[0], 2), "greatest": round(ratios[-1], 2)}
