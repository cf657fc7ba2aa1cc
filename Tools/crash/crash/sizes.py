"""Disks that are full at every point: the scenario on file systems of growing size, each a few pages larger than the last.

Here writes really are short, and space comes back when something is removed. What is refused did not happen; reads go on;
with room the refused step succeeds without a restart, unless it was answered io-error, whose outcome the next start tells.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import vecd

from .inject import Sweep, after, judged, play, still_answers, watchdog
from .life import Life, scenario
from .model import view
from .programs import Daemon, Died, Missing, scratch, tool
from .steps import states

PAGE = 4096
# Rows enough that the scenario needs well over a hundred pages, and an index that is built at once.
STEPS = scenario(120, "flat")
ROOM = "16m"
ENOUGH = 200  # pages: there the scenario fits, or nearly


@contextmanager
def small_disk(place: Path, pages: int) -> Iterator[None]:
    if os.geteuid() != 0:
        raise Missing("small disks need root, for mounts")
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(
        [tool("mount"), "-t", "tmpfs", "-o", f"size={pages * PAGE}", "vecd-small", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        raise Missing(f"mount: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([tool("umount"), "-l", str(place)], check=True)


def full_at(pages: int) -> tuple[str, str | None]:
    """The scenario on a disk of so many pages, then with room. Returns what came of it, and what is wrong."""
    life = Life()
    with scratch() as side, small_disk(side / "d", pages):
        daemon = Daemon(side / "d" / "store", side)
        try:
            client = daemon.start()
        except Died as died:
            # Even the empty store does not fit. It says so, and with room it starts.
            problem = None if died.status > 0 else str(died)
            outcome = f"does not start ({died.status})"
            client = None
        if client is not None:
            with watchdog(daemon) as hung:
                outcome, problem = play(client, life, STEPS, may_fence=False)
                problem = problem or still_answers(client, life) if not life.unknown else problem
                problem = hung[0] if hung else problem
        subprocess.run([tool("mount"), "-o", f"remount,size={ROOM}", str(side / "d")], check=True)
        if client is not None and outcome == "storage-full" and problem is None:
            problem = _goes_on(client, life)
        daemon.end()
        problem = problem or after(daemon, life, STEPS)
    return outcome, f"on a disk of {pages} pages: {problem}" if problem else None


def _goes_on(client: vecd.Client, life: Life) -> str | None:
    done = next(n for n, state in enumerate(states(STEPS)) if view(state) == view(life.known))
    outcome, problem = play(client, life, STEPS[done:], may_fence=False)
    if problem is None and outcome != "all done":
        problem = f"with room again it still answers {outcome}"
    return problem


def sizes(count: int, first: int = 2, last: int = ENOUGH, workers: int = 1) -> Sweep:
    """So many disks, from one size to another in even steps."""
    found, begin = Sweep(), time.monotonic()
    pages = sorted({first + number * (last - first) // max(1, count - 1) for number in range(count)})
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for outcome, problem in pool.imap_unordered(partial(judged, full_at), pages):
            found.add(outcome, problem)
    found.seconds = time.monotonic() - begin
    return found
