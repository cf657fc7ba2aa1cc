"""kill -9 at random moments and at chosen system calls: what was acknowledged stays, what was under way is there or not.

A kill loses nothing that was written, so this finds other things than power cuts do: states in memory that were shown and
are not on disk, recoveries of a really interrupted daemon, and whatever the recorder's model of a disk does not know.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import vecd

from .chance import random_step, random_write
from .life import SCENARIO, Life
from .model import State, complaint, view
from .programs import Daemon, Died, attached, observe, scratch, tool
from .steps import Step, states
from .stores import snapshot_complaint
from .writes import Write

FIRST_MOMENTS = 0.050  # seconds after a start that get a share of the kills of their own


@dataclass
class Kills:
    """What the kills hit, and what they broke."""

    cycles: int = 0
    acknowledged: int = 0
    writes: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def line(self) -> str:
        return (
            f"{self.cycles} kills, {self.acknowledged} steps acknowledged, {self.writes} of them single writes, "
            f"{len(self.problems)} violations, {self.seconds:.1f} s; hit: {dict(sorted(self.hits.items()))}"
        )


def kill_later(pid: int, seconds: float) -> threading.Thread:
    def kill() -> None:
        time.sleep(seconds)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def _more(first: Write, state: State, rng: random.Random, count: int) -> list[Write]:
    """Writes to send with a first one, to the same place."""
    collection, out = first.change(state)[first.collection], []
    for _ in range(count):
        out.append(random_write(collection, rng, first.label))
        if len(out) % 16 == 0:  # what is there only makes ids likely; it need not be exact
            collection = out[-1].changed(collection)
    return out


def kill_cycles(
    cycles: int, seed: int, early: float = 0.25, forget: bool = False, writes: int = 20, acknowledged: int = 0
) -> Kills:
    """Kills at random moments. early: share of kills in the first moments after a start. writes: about so many single writes
    are under way at a time.

    acknowledged: goes on beyond `cycles`, up to three times as many, until so many single writes were acknowledged: how many
    fit between two kills depends on how fast the machine's disk and processors are.

    forget: a planted bug: after each kill the store is what it was when the daemon started, as if nothing of a life were durable
    before a clean stop.
    """
    rng, found, life, number = random.Random(seed), Kills(), Life(), 0
    usual: dict[str, float] = {}
    begin = time.monotonic()
    with scratch() as side:
        daemon = Daemon(side / "store", side)
        while not found.problems and (
            found.cycles < cycles or (found.writes < acknowledged and found.cycles < 3 * cycles)
        ):
            found.cycles += 1
            daemon.spawn()
            if rng.random() < early:
                time.sleep(rng.uniform(0, FIRST_MOMENTS))
                found.hits["after the socket" if Path(daemon.socket).exists() else "start and recovery"] += 1
                daemon.end()
                continue
            try:
                client, again = daemon.wait(), life.unknown
                if forget:
                    shutil.rmtree(side / "old", ignore_errors=True)
                    shutil.copytree(daemon.store, side / "old")
                problem = life.settle(observe(client))
                if problem is None and again and rng.random() < 0.5:
                    problem = _repeat(life, again, client)
            except (Died, vecd.VecdError) as error:
                problem = str(error)
            if problem:
                found.problems.append(f"seed {seed}, kill {found.cycles}: {problem}")
                break
            killer, quiet = None, rng.randint(0, 3)
            while not life.unknown:
                number += 1
                step = random_step(life.known, rng, number)
                if quiet == 0:
                    killer = kill_later(daemon.pid, rng.uniform(0, 1.2 * usual.get(step.kind, 0.005)))
                quiet -= 1
                start = time.monotonic()
                if isinstance(step, Write) and writes:
                    for _ in range(rng.randint(2, 7)):
                        bunch = [step, *_more(step, life.known, rng, rng.randint(0, 2 * writes))]
                        done = life.run_together(bunch, client)
                        found.acknowledged += done
                        found.writes += done
                        if life.unknown:
                            break
                        step = random_write(life.known[step.collection], rng, step.label)
                elif life.run(step, client):
                    found.acknowledged += 1
                if life.unknown:
                    found.hits[step.kind] += 1
                took = time.monotonic() - start
                usual[step.kind] = 0.8 * usual.get(step.kind, took) + 0.2 * took
            if killer:
                killer.join()
            client.close()
            daemon.end()
            if forget:
                shutil.rmtree(daemon.store)
                (side / "old").rename(daemon.store)
        daemon.end()
    found.seconds = time.monotonic() - begin
    return found


def _repeat(life: Life, unknown: list[Step], client: vecd.Client) -> str | None:
    """A client that was not told sends the first such write again, with its token: then it is there, once."""
    write = unknown[0]
    if not isinstance(write, Write) or not life.is_certain:
        return None
    after = life.known if life.settled else write.change(life.known)
    if life.run(write, client):
        life.known = after
    return complaint(observe(client), [view(after)], 0, 0)


# The calls with which something becomes durable or visible, and the threads that make them.
CALLS = ["renameat2", "fsync", "fdatasync", "ftruncate", "unlink", "pwrite64", "link", "mkdir"]
THREADS = ["vecd-write-0", "vecd-maint-0", "vecd-upkeep-0"]


def killed_at(thread: str, call: str, number: int, again: int) -> tuple[str | None, bool]:
    """Kills the daemon as one of its threads enters a call for the number-th time of the scenario; kills the recovery as it
    enters a call for the again-th time; then looks, and does the steps that did not happen.

    Returns what is wrong, and whether there was such a call at all.
    """
    life = Life()
    with scratch() as side:
        daemon = Daemon(side / "store", side)
        client = daemon.start()
        with attached(daemon.thread(thread), ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]):
            was_hit = not all(life.run(step, client) for step in SCENARIO)
            daemon.end()
        if not was_hit:
            return None, False
        daemon.spawn([tool("strace"), "-f", "-qq", "-e", "signal=none", "-o", "/dev/null", "-e", f"trace={call}",
                      "-e", f"inject={call}:signal=SIGKILL:when={again}"])
        try:
            daemon.wait()
        except Died:
            pass
        daemon.end()
        try:
            client = daemon.start()
            problem = life.settle(observe(client))
            if problem is None:
                done = next(n for n, state in enumerate(states(SCENARIO)) if view(state) == view(life.known))
                problem = next((f"cannot go on with {step}" for step in SCENARIO[done:] if not life.run(step, client)), None)
                problem = problem or life.settle(observe(client)) or snapshot_complaint(daemon.store)
        except (Died, vecd.VecdError) as error:
            problem = str(error)
        daemon.end()
    return problem and f"{thread} killed at {call} number {number}, recovery at number {again}: {problem}", True


def kill_at_every_call(stride: int = 1, calls: list[str] | None = None) -> Kills:
    """One life of the scenario per call of those that publish something, or per stride-th of them."""
    found, begin = Kills(), time.monotonic()
    for thread in THREADS:
        for call in calls or CALLS:
            number, is_there = 1, True
            while is_there:
                problem, is_there = killed_at(thread, call, number, 1 + number % 4)
                found.cycles += is_there
                found.hits[call] += is_there
                found.problems += [problem] if problem else []
                number += stride
    found.seconds = time.monotonic() - begin
    return found
