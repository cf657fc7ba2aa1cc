"""Reads of the scrub that fail: the generation whose file could not be read is fenced and named, the others go on answering,
nothing ends, and a start that can read it finds all sound. So slow a scrub is asked for that a tracer comes in time."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

import vecd

from .inject import Sweep, after, judged, watchdog
from .life import SCENARIO, Life
from .model import complaint, view
from .programs import Daemon, Missing, attached, observe, scratch

THREAD = "vecd-scrub-0"
# A block of a segment here is some hundred bytes to a few KiB: the first one makes it wait for as long as attaching takes.
RATE = 4_096
# Once and, but for interruptions, which are tried again, from then on.
FAILURES = {"pread64": ["error=EIO", "error=EINTR", "retval=0"], "newfstatat": ["error=EIO"]}
# The scenario without its last steps: two generations of three segments, and a delta.
STEPS = SCENARIO[:24]


def _filled(daemon: Daemon, life: Life) -> None:
    client = daemon.start()
    for step in STEPS:
        step.run(client)
        life.known = step.change(life.known)
    daemon.end(signal.SIGTERM)
    daemon.options = [*daemon.options, "--scrub-rate", str(RATE)]


def _round(client: vecd.Client, seconds: float = 30) -> dict[str, int]:
    """Waits for the end of the scrub's first round. A fence ends none: the next segment is read."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told = client.stats()["scrub"]
        if told["rounds"]:
            return told
        time.sleep(0.02)
    raise Missing(f"the scrub needs more than {seconds} s for a round: {told}")


def failing(call: str, how: str, number: int, is_lasting: bool) -> tuple[str | None, str | None]:
    """One round of the scrub with its number-th call failing, or all from it on."""
    life, when = Life(), f"{number}+" if is_lasting else str(number)
    with scratch() as side:
        daemon, log = Daemon(side / "store", side), side / "injected"
        _filled(daemon, life)
        client = daemon.start()
        arguments = ["-e", f"trace={call}", "-e", f"inject={call}:{how}:when={when}"]
        with watchdog(daemon) as hung, attached(daemon.thread(THREAD), arguments, log):
            told = _round(client)
        problem = hung[0] if hung else None
        is_reached = "(INJECTED)" in log.read_text(errors="replace")
        fenced = {one.name: one.fence for one in client.collections() if one.fence}
        outcome = "fenced" if fenced else "all read"
        if problem is None and fenced:
            # Whoever is told a finding finds it in the log, by file; and writes and other reads go on.
            if not told["findings"] or "damage found" not in daemon.said():
                problem = f"{fenced} is fenced, but the scrub tells of {told['findings']} findings"
            client.create("other", 4, "ip")
            client.upsert("other", [1], np.ones((1, 4), np.float32))
            if client.search("other", np.ones(4, np.float32), 1).ids[0].tolist() != [1]:
                problem = "another collection does not answer"
            client.drop("other")
        elif problem is None:
            problem = complaint(observe(client), [view(life.known)], 0, 0)
        if problem is None and daemon.process is not None and (status := daemon.process.poll()) is not None:
            problem = f"vecd ended with status {status}"
        client.close()
        daemon.end(signal.SIGKILL if number % 2 else signal.SIGTERM)
        daemon.options = daemon.options[:-2]
        problem = problem or after(daemon, life, STEPS)
    where = f"scrub: {call} {how} at number {when}: "
    return outcome if is_reached else None, where + problem if problem else None


def counted() -> Counter[str]:
    counts: Counter[str] = Counter()
    with scratch() as side:
        daemon, log = Daemon(side / "store", side), side / "counted"
        _filled(daemon, Life())
        client = daemon.start()
        with attached(daemon.thread(THREAD), ["-y", "-e", "trace=%file,%desc"], log):
            _round(client)
        daemon.end()
        for line in log.read_text(errors="replace").splitlines():
            call = line.partition("(")[0]
            counts[call] += str(daemon.store) in line
            if str(daemon.store) in line and call not in FAILURES:
                raise Missing(f"the scrub makes a call on files that FAILURES does not know: {line}")
    return counts


def points(stride: int) -> Iterator[tuple[str, str, int, bool]]:
    counts, turn = counted(), 0
    for call, ways in FAILURES.items():
        for how in ways:
            for is_lasting in (False, True) if how != "error=EINTR" else (False,):
                turn += 7
                for number in range(1 + turn % stride, counts[call] + 1, stride):
                    yield call, how, number, is_lasting


def _failing(point: tuple[str, str, int, bool]) -> tuple[str | None, str | None]:
    return judged(failing, *point)


def sweep(stride: int = 1, workers: int = 1) -> Sweep:
    found, begin = Sweep(), time.monotonic()
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for outcome, problem in pool.imap_unordered(_failing, points(stride)):
            found.add(outcome, problem)
    found.seconds = time.monotonic() - begin
    return found
