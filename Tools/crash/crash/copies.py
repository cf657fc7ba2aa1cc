"""Calls that fail in the programs that copy and mend stores: a snapshot by the daemon, `vecctl restore`, `vecd repair`.

A snapshot that is said to be made can be restored; one that is refused leaves the store as it was, and either nothing under its
name or all of it. A restore makes the whole store or none. A repair mends or leaves the damage as it was, and is never half seen;
and each, done again with nothing failing, succeeds.
"""

from __future__ import annotations

import errno
import multiprocessing
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vecd

from .inject import DEFECTS, FAILURES, Sweep, judged, watchdog
from .life import LOST, SCENARIO
from .model import complaint, seen, view
from .preload import Fault, calls, environment, library
from .programs import Daemon, Missing, attached, observe, scratch
from .steps import states
from .stores import opened, restored, run
from .writes import Snapshot

THREAD = "vecd-maint-0"
ERRORS = {
    "open": [errno.EIO, errno.EMFILE], "pwrite": [errno.EIO, errno.ENOSPC], "fsync": [errno.EIO], "mkdir": [errno.ENOSPC],
    "fdatasync": [errno.EIO], "ftruncate": [errno.EIO, errno.ENOSPC], "mmap": [errno.ENOMEM], "rename": [errno.EIO, errno.ENOSPC],
}  # of other calls EIO
# A planted bug: what a program does besides, to what it made.
Tamper = Callable[[Path], None] | None


@dataclass(frozen=True)
class Template:
    """A store of the scenario's first steps, at rest, that every point begins with a copy of."""

    store: Path
    steps: int

    @property
    def view(self) -> Any:
        return view(states(SCENARIO)[self.steps])

    def copy(self, place: Path) -> Path:
        shutil.copytree(self.store, place)
        return place


def template(side: Path, spoil: Callable[[Path], None] | None = None) -> Template:
    """spoil: damages it."""
    side.mkdir(exist_ok=True)
    daemon = Daemon(side / "template", side)
    client = daemon.start()
    # Up to where there are two generations, dead rows and single writes that are not sealed; with the scenario's snapshot.
    steps = 1 + next(n for n, step in enumerate(SCENARIO) if isinstance(step, Snapshot))
    for step in [*SCENARIO[:steps], SCENARIO[steps]]:
        step.run(client)
    client.close()
    daemon.end()  # killed: what comes next has a log to recover
    if spoil:
        spoil(daemon.store)
    return Template(daemon.store, steps + 1)


# -- a snapshot by the daemon


def snapshot_fails(
    source: Template, call: str, how: str, number: int, is_lasting: bool, tamper: Tamper = None
) -> tuple[str | None, str | None]:
    """The daemon makes a snapshot with a call of it failing. Returns what came of it, None when there was no such call, and what
    is wrong."""
    when = f"{number}+" if is_lasting else str(number)
    arguments = ["-e", f"trace={call}", "-e", f"inject={call}:{how}:when={when}"]
    with scratch() as side:
        daemon, log = Daemon(source.copy(side / "store"), side), side / "injected"
        outcome, problem = "made", None
        client = daemon.start()
        with watchdog(daemon) as hung, attached(daemon.thread(THREAD), arguments, log):
            try:
                client.snapshot("copy")
            except vecd.VecdError as error:
                outcome = error.code.name.lower().replace("_", "-")
                if error.code in DEFECTS or error.code in LOST:
                    problem = f"it was answered {error}"
        was_hit = "(INJECTED)" in log.read_text(errors="replace")
        if tamper:
            tamper(daemon.store / "snapshots" / "copy")
        problem = problem or (hung[0] if hung else None) or _after_snapshot(source, daemon, client, outcome)
        daemon.end()
    return outcome if was_hit else None, problem and f"snapshot, {call} {how} at number {when}: {problem}"


def _after_snapshot(source: Template, daemon: Daemon, client: vecd.Client, outcome: str) -> str | None:
    try:
        if problem := complaint(observe(client), [source.view], 0, 0) or _snapshots_complaint(source, daemon.store, outcome):
            return f"the daemon after it was {outcome}: {problem}"
        try:
            client.snapshot("copy")
        except vecd.VecdError as error:
            # Its name is taken: by a whole one, as the next line finds.
            if error.code is not vecd.ErrorCode.CANNOT_CREATE or "already" not in str(error):
                return f"{outcome}, and again with nothing failing: {error}"
        return _snapshots_complaint(source, daemon.store, "made")
    except vecd.VecdError as error:
        return f"the daemon after it was {outcome}: {error}"


def _snapshots_complaint(source: Template, store: Path, outcome: str) -> str | None:
    places = {place.name: place for place in (store / "snapshots").iterdir()}
    if outcome == "made" and "copy" not in places:
        return "the snapshot is not there"
    for name, place in sorted(places.items()):
        if name == "first":
            continue  # the template's own
        target = store.parent / "restored"
        answer = restored(place, target)
        shutil.rmtree(target, ignore_errors=True)
        if "error" in answer and name != "copy" and not target.exists():
            continue  # what is not finished is refused
        if problem := complaint(answer, [source.view], 0, 0):
            return f"restored from {name}: {problem}"
    return None


def snapshot_after_a_failed_sync() -> str | None:
    """The directory of snapshots is new, and the sync that makes its name durable fails. Done again, the snapshot must sync it: a
    name that is there already is no durable one."""
    with scratch() as side:
        daemon = Daemon(side / "store", side)
        client = daemon.start()
        with attached(daemon.thread(THREAD), ["-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1"]):
            try:
                client.snapshot("copy")
                return "a snapshot was acknowledged though a sync of it failed"
            except vecd.VecdError:
                pass
        log = side / "second"
        with attached(daemon.thread(THREAD), ["-y", "-e", "trace=fsync"], log):
            client.snapshot("copy")
        daemon.end()
        is_synced = f"<{daemon.store}>)" in log.read_text(errors="replace")
        return None if is_synced else "the second snapshot did not sync the directory above snapshots/, whose first sync failed"


# -- restore


def restore_fails(source: Template, fault: Fault, tamper: Tamper = None) -> tuple[str | None, str | None]:
    with scratch() as side:
        store = source.copy(side / "store")
        snapshot, target, log = store / "snapshots" / "first", side / "made", side.parent / f"{side.name}.log"
        status, said = run("vecctl", "restore", str(snapshot), str(target), environment=environment(side, log, fault))
        was_hit = f"!{fault.call}" in calls(log)
        log.unlink(missing_ok=True)
        outcome = "made" if status == 0 else f"refused ({status})"
        if tamper:
            tamper(target)
        problem = _restore_complaint(source, snapshot, target, status)
        if problem and status:
            problem += f" (it had said: {said[-300:]})"
    return outcome if was_hit else None, problem and f"restore, {fault}: {outcome}: {problem}"


def _restore_complaint(source: Template, snapshot: Path, target: Path, status: int) -> str | None:
    if status < 0:
        return f"it died of signal {-status}"
    wanted = [view(states(SCENARIO)[source.steps - 2])]
    if target.exists():  # refused or not, what is there is all of it
        return complaint(opened(target), wanted, 0, 0)
    if status == 0:
        return "the store is not there"
    return complaint(restored(snapshot, target), wanted, 0, 0)


# -- repair


def spoil(store: Path) -> None:
    """A byte of a segment, of a single write, of a list of dead rows: each is mended in its own way."""
    segment = min((store / "segments").glob("*.vseg"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.chmod(0o600)
    segment.write_bytes(content)
    segment.chmod(0o444)
    manifest = sqlite3.connect(store / "manifest.sqlite")
    tables = manifest.execute("SELECT name FROM sqlite_master WHERE name LIKE 'writes_%'").fetchall()
    for (table,) in tables:
        last = f"(SELECT max(write_number) FROM {table})"
        manifest.execute(f"UPDATE {table} SET checksum = checksum + 1 WHERE write_number = {last}")
    manifest.execute("UPDATE dead_rows SET checksum = checksum + 1")
    manifest.commit()
    manifest.close()


def mended(source: Template) -> Any:
    """What is seen after a repair in which nothing fails."""
    with scratch() as side:
        store = source.copy(side / "store")
        status, said = run("vecd", "repair", "--store", str(store), "--apply")
        if status:
            raise Missing(f"repair does not work when nothing fails: {said}")
        return seen(opened(store))


def repair_fails(source: Template, fault: Fault, wanted: Any, tamper: Tamper = None) -> tuple[str | None, str | None]:
    """wanted: see `mended`."""
    with scratch() as side:
        store, log = source.copy(side / "store"), side.parent / f"{side.name}.log"
        command = ("vecd", "repair", "--store", str(store), "--apply")
        status, said = run(*command, environment=environment(side, log, fault))
        was_hit = f"!{fault.call}" in calls(log)
        log.unlink(missing_ok=True)
        outcome = "mended" if status == 0 else f"refused ({status})"
        if tamper:
            tamper(store)
        shutil.copytree(store, side / "seen")
        between = opened(side / "seen")
        problem = None
        if status < 0:
            problem = f"it died of signal {-status}"
        elif "error" in between:
            problem = f"does not open after it: {between['error']}"
        elif not any(c["fence"] for c in between["collections"]) and seen(between) != wanted:
            problem = f"neither damaged nor mended: {seen(between)}"
        elif status == 0 and seen(between) != wanted:
            problem = f"it said that all is mended, and there is {between}"
        else:
            status, words = run(*command)
            if status != 0 or seen(opened(store)) != wanted:
                problem = f"again with nothing failing: status {status}, {words[-300:]}, {opened(store)}"
    return outcome if was_hit else None, problem and f"repair, {fault}: {outcome}: {problem} (it had said: {said[-300:]})"


# -- all of them


def sweep_copies(stride: int = 1, workers: int = 1) -> Sweep:
    """Every stride-th call of the three programs, and every way of failing, once and from then on."""
    library()  # once, before there are workers
    found, begin = Sweep(), time.monotonic()
    with scratch() as side, multiprocessing.get_context("fork").Pool(workers) as pool:
        for program, outcome, problem in pool.imap_unordered(_call, _points(side, stride)):
            found.add(outcome and f"{program} {outcome}", problem)
    found.seconds = time.monotonic() - begin
    return found


def _call(job: tuple[str, Callable[..., tuple[str | None, str | None]], tuple[Any, ...]]) -> tuple[str, str | None, str | None]:
    program, method, arguments = job
    return program, *judged(method, *arguments)


def _points(side: Path, stride: int) -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    sound, spoilt = template(side / "sound"), template(side / "spoilt", spoil)
    turn = 0

    def numbers(count: int) -> Iterator[tuple[int, bool]]:
        nonlocal turn
        for is_lasting in (False, True):
            turn += 5
            yield from ((number, is_lasting) for number in range(1 + turn % stride, count + 1, stride))

    for call, count in sorted(_calls_of_snapshot(sound, side).items()):
        for how in FAILURES[call]:
            yield from (("snapshot", snapshot_fails, (sound, call, how, *at)) for at in numbers(count))
    programs: list[tuple[str, Callable[..., Any], Template, tuple[Any, ...]]] = [
        ("restore", restore_fails, sound, ()), ("repair", repair_fails, spoilt, (mended(spoilt),)),
    ]
    for program, method, source, more in programs:
        for call, count in sorted(_calls_of(program, source, side / program).items()):
            ways = [("fail", error) for error in ERRORS.get(call, [errno.EIO])]
            for how, error in [*ways, ("torn", errno.ENOSPC)] if call == "pwrite" else ways:
                for number, is_lasting in numbers(count):
                    yield program, method, (source, Fault(call, how, number, is_lasting, error), *more)


def _calls_of(program: str, source: Template, place: Path) -> Counter[str]:
    store, log = source.copy(place / "store"), place.parent / f"{program}.log"
    snapshot = store / "snapshots" / "first"
    arguments = {"restore": ("vecctl", "restore", str(snapshot), str(place / "made")),
                 "repair": ("vecd", "repair", "--store", str(store), "--apply")}
    run(*arguments[program], environment=environment(place, log))
    return calls(log)


def _calls_of_snapshot(source: Template, side: Path) -> dict[str, int]:
    daemon, log = Daemon(source.copy(side / "counted"), side), side / "snapshot.log"
    client = daemon.start()
    with attached(daemon.thread(THREAD), ["-e", "trace=" + ",".join(FAILURES)], log):
        client.snapshot("copy")
    daemon.end()
    names = [line.partition("(")[0] for line in log.read_text(errors="replace").splitlines()]
    return {call: names.count(call) for call in FAILURES if call in names}
