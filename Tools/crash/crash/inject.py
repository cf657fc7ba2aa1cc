"""System calls that fail: every one of a short scenario, once and from then on, by strace's injection.

Allowed is: the step succeeds all the same, or is refused and did not happen, or is answered io-error and may have happened;
the daemon may end with status 74. Never: an acknowledged step lost, a wrong answer, a death by a signal, a defect reported.
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vecd

from .kill import THREADS
from .life import LOST, SCENARIO, Life
from .model import complaint, view
from .programs import Daemon, Died, Missing, attached, observe, scratch, tool
from .stores import snapshot_complaint
from .steps import Step, states

# Calls on files, and how each may fail. A write of 0 bytes is the only short one that strace has without lying.
FAILURES = {
    "openat": ["error=EIO", "error=EMFILE"],
    "pread64": ["error=EIO"],
    "pwrite64": ["error=EIO", "error=ENOSPC", "retval=0"],
    "fallocate": ["error=EIO", "error=ENOSPC"],
    "fsync": ["error=EIO", "error=ENOSPC"],
    "fdatasync": ["error=EIO", "error=ENOSPC"],
    "ftruncate": ["error=EIO", "error=ENOSPC"],
    "renameat2": ["error=EIO", "error=ENOSPC"],
    "unlink": ["error=EIO"],
    "mmap": ["error=ENOMEM"],
    "fchmod": ["error=EIO"],
    "newfstatat": ["error=EIO"],
    "getdents64": ["error=EIO"],
    "mkdir": ["error=ENOSPC"],
    "link": ["error=EIO", "error=ENOSPC"],
    "rmdir": ["error=EIO"],
    "access": ["error=EIO"],
    "fcntl": ["error=EIO"],
    "flock": ["error=EIO"],
    "read": ["error=EIO"],
    "readlink": ["error=EIO"],
    "fchown": ["error=EPERM"],
}
# Calls that say nothing of a file's content when they fail. A close that strace lets fail leaves the file open, as none does.
SPARED = {"close", "lseek", "munmap", "fadvise64"}
# Memory for the process itself comes by the same call: without it any program ends.
MAY_KILL = {"mmap"}
# A segment that cannot be read fences its collection, until a start that can read it.
MAY_FENCE = {"pread64", "newfstatat"}
UNKNOWN = {vecd.ErrorCode.IO_ERROR, vecd.ErrorCode.OUTCOME_UNKNOWN}
DEFECTS = {vecd.ErrorCode.INTERNAL_DEFECT, vecd.ErrorCode.MANIFEST_DAMAGED, vecd.ErrorCode.SEGMENT_DAMAGED}
FENCED = {vecd.ErrorCode.COLLECTION_FENCED}
PATIENCE = 20.0


@dataclass
class Sweep:
    points: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: str | None, problem: str | None) -> None:
        self.points += outcome is not None
        self.outcomes[outcome or "not reached"] += 1
        self.problems += [problem] if problem else []

    @property
    def line(self) -> str:
        return (
            f"{self.points} points, {len(self.problems)} violations, {self.seconds:.1f} s; "
            f"outcomes: {dict(sorted(self.outcomes.items()))}"
        )


@contextmanager
def watchdog(daemon: Daemon) -> Iterator[list[str]]:
    """Kills a daemon that hangs; the list then says so."""
    said: list[str] = []

    def bite() -> None:
        said.append(f"no answer in {PATIENCE} s")
        daemon.end()

    timer = threading.Timer(PATIENCE, bite)
    timer.start()
    try:
        yield said
    finally:
        timer.cancel()


def play(client: vecd.Client, life: Life, steps: list[Step], may_fence: bool) -> tuple[str, str | None]:
    """Does the steps until one fails twice, is refused by a fence, or its outcome is unknown. Returns what came of it, and
    what is wrong."""
    outcome = "all done"
    for step in steps:
        for attempt in (1, 2):
            try:
                step.run(client)
                life.known = step.change(life.known)
                break
            except vecd.VecdError as error:
                outcome = error.code.name.lower().replace("_", "-")
                if error.code in DEFECTS:
                    return outcome, f"{step} was answered {error}"
                if error.code in FENCED:
                    return outcome, None if may_fence else f"{step} was answered {error}"
                if error.code in {*UNKNOWN, *LOST}:
                    life.unknown.append(step)
                    return outcome, None
                if problem := still_answers(client, life, may_fence):
                    return outcome, f"after {step} was refused ({error}): {problem}"
        else:
            return outcome, None
    return outcome, None


def still_answers(client: vecd.Client, life: Life, may_fence: bool = False) -> str | None:
    """A daemon that refused something shows what it acknowledged, or says that it cannot read."""
    try:
        answer = observe(client)
        if may_fence and any(collection["fence"] for collection in answer["collections"]):
            return None
        return complaint(answer, [view(life.known)], 0, 0)
    except vecd.VecdError as error:
        is_defect = error.code in DEFECTS or (error.code in FENCED and not may_fence)
        return str(error) if is_defect else None


def after(daemon: Daemon, life: Life, scenario: list[Step]) -> str | None:
    """A start with nothing failing: the state is right, and what is left of the scenario can be done."""
    try:
        client = daemon.start()
        if problem := life.settle(observe(client)):
            return problem
        done = next(n for n, state in enumerate(states(scenario)) if view(state) == view(life.known))
        for step in scenario[done:]:
            step.run(client)
            life.known = step.change(life.known)
        return complaint(observe(client), [view(life.known)], 0, 0)
    except (Died, vecd.VecdError) as error:
        return f"after a start with nothing failing: {error}"
    finally:
        daemon.end()


def failing(thread: str, call: str, how: str, number: int, is_lasting: bool) -> tuple[str | None, str | None]:
    """The scenario with one thread's number-th call failing, or all from it on. Returns the outcome, None when there was no
    such call, and what is wrong."""
    life, outcome = Life(), "does not start"
    when = f"{number}+" if is_lasting else str(number)
    arguments = ["-e", f"trace={call}", "-e", f"inject={call}:{how}:when={when}"]
    with scratch() as side:
        daemon, log = Daemon(side / "store", side), side / "injected"
        problem, status = None, None
        if thread == "start":
            # The scenario's store, with something to recover, is opened by a daemon whose calls fail.
            outcome, problem = _failing_start(daemon, life, arguments, log)
        else:
            client = daemon.start()
            with watchdog(daemon) as hung, attached(daemon.thread(thread), arguments, log):
                may_fence = call in MAY_FENCE
                outcome, problem = play(client, life, SCENARIO, may_fence)
                problem = problem or (hung[0] if hung else None)
                if problem is None and outcome == "io-error":
                    problem = still_answers(client, life, may_fence) if not life.unknown else None
            status = daemon.process.poll() if daemon.process else None
            client.close()
        ended = daemon.end(signal.SIGKILL if number % 2 else signal.SIGTERM)
        status = ended if status is not None else None
        if "(INJECTED)" not in log.read_text(errors="replace"):
            outcome = None
        if problem is None and status is not None and status != 74 and call not in MAY_KILL:
            problem = f"vecd ended with status {status}"
        problem = problem or after(daemon, life, SCENARIO) or snapshot_complaint(daemon.store)
        if log.exists() and "(INJECTED)" not in log.read_text(errors="replace"):
            outcome = None if problem is None else outcome
    where = f"{thread}: {call} {how} at number {when}: "
    return outcome, where + problem if problem else None


def _failing_start(daemon: Daemon, life: Life, arguments: list[str], log: Path) -> tuple[str, str | None]:
    client = daemon.start()
    # The sixth step dies within: something is left for the recovery to do.
    with attached(daemon.thread("vecd-write-0"), ["-e", "trace=ftruncate", "-e", "inject=ftruncate:signal=SIGKILL:when=9"]):
        for step in SCENARIO:
            if not life.run(step, client):
                break
        daemon.end()
    # Only calls on the store: a program whose libraries cannot be loaded proves nothing.
    paths = [str(daemon.store), *(str(path) for path in sorted(daemon.store.rglob("*")))]
    of_store = [word for path in paths for word in ("-P", path)]
    daemon.spawn([tool("strace"), "-f", "-qq", "-e", "signal=none", "-o", str(log), *of_store, *arguments])
    try:
        client = daemon.wait()
    except Died as died:
        is_clean = died.status > 0 or any(call in arguments[1] for call in MAY_KILL)
        return f"start refused ({died.status})", None if is_clean else str(died)
    try:
        answer = observe(client)
    except vecd.VecdError as error:
        return f"started, {error.code.name.lower()}", None
    if any(collection["fence"] for collection in answer["collections"]):
        return "started, fenced", None  # it says so, and the next start reads again
    possible = [view(state) for state in states(life.unknown, life.known)]
    return "started", complaint(answer, possible, 0, len(possible) - 1)


def counted() -> Counter[tuple[str, str]]:
    """How often each thread makes each call when nothing fails.

    A call on a file of the store that FAILURES does not know ends the sweep: it would be left out unseen.
    """
    counts: Counter[tuple[str, str]] = Counter()
    traced = ["-y", "-e", "trace=%file,%desc,mmap"]
    with scratch() as side:
        daemon, log = Daemon(side / "store", side), side / "counted"
        for thread in THREADS:
            client = daemon.start()
            with attached(daemon.thread(thread), traced, log):
                for step in SCENARIO:
                    step.run(client)
                client.drop("alpha")
            daemon.end()
            shutil.rmtree(daemon.store)
            _count(thread, log, daemon.store, counts)
        _failing_start(daemon, Life(), traced, log)
        daemon.end()
        _count("start", log, daemon.store, counts)
    return counts


def _count(thread: str, log: Path, store: Path, counts: Counter[tuple[str, str]]) -> None:
    """Adds the calls of a log. Of all, because strace counts them so."""
    unknown = set()
    for line in log.read_text(errors="replace").splitlines():
        call = line.partition("(")[0].split()[-1] if "(" in line else ""
        counts[thread, call] += call in FAILURES
        if str(store) in line and call.isidentifier() and call not in {*FAILURES, *SPARED}:
            unknown.add(call)
    if unknown:
        raise Missing(f"{thread} makes calls on files that FAILURES does not know: {', '.join(sorted(unknown))}")


Point = tuple[str, str, str, int, bool]  # thread, call, how, number, is it lasting


def points(stride: int, calls: list[str] | None, most: int) -> Iterator[Point]:
    """Every stride-th call of each kind, thread and way of failing, once and from then on; at most so many of one kind."""
    counts, turn = counted(), 0
    for thread in [*THREADS, "start"]:
        for call in calls or FAILURES:
            for how in FAILURES[call]:
                for is_lasting in (False, True):
                    turn += 5
                    for number in range(1 + turn % stride, min(counts[thread, call], most) + 1, stride):
                        yield thread, call, how, number, is_lasting


def judged(method: Callable[..., tuple[str | None, str | None]], *arguments: Any) -> tuple[str | None, str | None]:
    """A point that ends in an exception is one that went wrong, and not the end of a sweep."""
    try:
        return method(*arguments)
    except Missing:
        raise
    except Exception as error:
        return "broke off", f"{method.__name__}{arguments}: {type(error).__name__}: {error}"


def _failing(point: Point) -> tuple[str | None, str | None]:
    return judged(failing, *point)


def sweep(stride: int = 1, calls: list[str] | None = None, most: int = 400, workers: int = 1) -> Sweep:
    found, begin = Sweep(), time.monotonic()
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for outcome, problem in pool.imap_unordered(_failing, points(stride, calls, most)):
            found.add(outcome, problem)
    found.seconds = time.monotonic() - begin
    return found
