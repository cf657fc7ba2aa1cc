"""Reads and writes that do less than was asked, in earnest: what POSIX allows, and what a disk does that is just full.

A part must be followed by the rest, so that nothing is seen of it; a part that is followed by an error is a refusal like any
other, with half a page or half a segment on the disk.
"""

from __future__ import annotations

import errno
import multiprocessing
import time
from functools import partial

from .inject import Sweep, after, judged, play, still_answers, watchdog
from .life import SCENARIO, Life
from .preload import Fault, calls, environment, library
from .programs import Daemon, Died, scratch
from .stores import snapshot_complaint


def short(fault: Fault) -> tuple[str | None, str | None]:
    """The scenario with this fault in the whole daemon. Returns what came of it, None when no call was hit, and what is wrong."""
    life, problem, status, client = Life(), None, None, None
    with scratch() as side:
        daemon, log = Daemon(side / "store", side), side / "calls"
        daemon.environment = environment(daemon.store, log, fault)
        try:
            client = daemon.start()
        except Died as died:
            outcome, problem = f"start refused ({died.status})", None if died.status > 0 else str(died)
        if client:
            with watchdog(daemon) as hung:
                outcome, problem = play(client, life, SCENARIO, may_fence=False)
                if fault.how == "short" and outcome != "all done":
                    problem = problem or f"it was answered {outcome}"
                if problem is None and not life.unknown:
                    problem = still_answers(client, life)
                problem = hung[0] if hung else problem
            status = daemon.process.poll() if daemon.process else None
            client.close()
        daemon.end()
        if problem is None and status not in (None, 74):
            problem = f"vecd ended with status {status}"
        was_hit = f"!{fault.call}" in calls(log)
        daemon.environment = None
        problem = problem or after(daemon, life, SCENARIO) or snapshot_complaint(daemon.store)
    return outcome if was_hit else None, problem and f"{fault}: {outcome}: {problem}"


def faults(stride: int = 1) -> list[Fault]:
    """Every, every second and every third read and write is short; then each write is torn, once and from then on."""
    small = [Fault(call, "short", number) for call in ("pread", "pwrite") for number in (1, 2, 3)]
    with scratch() as side:
        daemon, log = Daemon(side / "store", side), side / "calls"
        daemon.environment = environment(daemon.store, log)
        client = daemon.start()
        for step in SCENARIO:
            step.run(client)
        daemon.end()
        count = calls(log)["pwrite"]
    return small + [
        Fault("pwrite", "torn", number, is_lasting, errno.EIO if number % 5 == 0 else errno.ENOSPC)
        for is_lasting in (False, True) for number in range(1 + is_lasting * (stride // 2), count + 1, stride)
    ]


def sweep_short(stride: int = 1, workers: int = 1) -> Sweep:
    library()  # once, before there are workers
    found, begin = Sweep(), time.monotonic()
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for outcome, problem in pool.imap_unordered(partial(judged, short), faults(stride)):
            found.add(outcome, problem)
    found.seconds = time.monotonic() - begin
    return found
