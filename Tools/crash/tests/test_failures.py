"""System calls that fail, and disks that are full."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from crash_needs import need
from crash.copies import (
    mended, repair_fails, restore_fails, snapshot_after_a_failed_sync, snapshot_fails, spoil, sweep_copies, template,
)
from crash import scrub
from crash.inject import failing, judged, sweep
from crash.preload import Fault, library
from crash.programs import Daemon, Died, Missing, scratch
from crash.short import short, sweep_short
from crash.sizes import sizes

WORKERS = 2


@pytest.fixture(scope="module")
def preload() -> None:
    try:
        library()
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(f"SHORT WRITES, RESTORE AND REPAIR ARE NOT TRIED HERE: {missing}")


def test_no_failing_system_call_loses_what_was_acknowledged_or_gives_a_wrong_answer() -> None:
    need("vecd", "vecctl", "crashcheck", tools=("strace",))
    found = sweep(stride=83, workers=WORKERS)
    print(found.line)
    assert not found.problems
    assert found.points >= 60
    assert found.outcomes["io-error"] + found.outcomes["outcome-unknown"] >= 20, "too few calls failed in earnest"
    assert found.outcomes["storage-full"] >= 3


def test_writes_that_are_said_to_be_done_and_are_not_are_found() -> None:
    need("vecd", "vecctl", "crashcheck", tools=("strace",))
    # Not every lie matters: what is written again later was never missed. Of calls all over the scenario most do.
    points = ((13, True), (17, False), (25, False), (29, True), (49, True), (57, False))
    problems = [failing("vecd-write-0", "pwrite64", "retval=4096", number, lasting)[1] for number, lasting in points]
    assert any(problems)


def test_a_disk_full_at_any_page_refuses_cleanly_and_goes_on_with_room() -> None:
    need("vecd")
    if os.geteuid() != 0:
        pytest.skip("FULL DISKS ARE NOT TRIED HERE: mounting small disks needs root")
    found = sizes(128, workers=WORKERS)
    print(found.line)
    assert not found.problems
    assert found.outcomes["storage-full"] >= 20


def test_a_scrub_that_cannot_read_fences_what_it_names_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    need("vecd", tools=("strace",))
    found = scrub.sweep(stride=11, workers=WORKERS)
    print(found.line)
    assert not found.problems
    assert found.points >= 8 and found.outcomes["fenced"] >= 5 and found.outcomes["all read"] >= 1
    # A finding that is told nowhere is found.
    monkeypatch.setattr(Daemon, "said", lambda self: "")
    assert "findings" in str(scrub.failing("pread64", "error=EIO", 2, False)[1])


def test_a_point_that_breaks_off_is_a_finding_and_not_the_end_of_a_sweep() -> None:
    def breaks() -> tuple[str | None, str | None]:
        raise Died(1, "said")

    outcome, problem = judged(breaks)
    assert outcome == "broke off" and "said" in str(problem)
    assert pickle.loads(pickle.dumps(Died(1, "said"))).said == "said"


def test_a_snapshot_a_restore_and_a_repair_with_failing_calls_do_all_or_nothing(preload: None) -> None:
    need("vecd", "vecctl", "crashcheck", tools=("strace",))
    found = sweep_copies(stride=29, workers=WORKERS)
    print(found.line)
    assert not found.problems
    for program in ("snapshot", "restore", "repair"):
        refused = sum(n for outcome, n in found.outcomes.items() if outcome.startswith(program) and not outcome.endswith("made"))
        assert refused >= 5, f"too few calls of {program} failed in earnest"


def test_a_snapshot_whose_directory_was_not_made_durable_makes_up_for_it() -> None:
    need("vecd", tools=("strace",))
    assert snapshot_after_a_failed_sync() is None


def test_copies_that_are_said_to_be_done_and_are_not_are_found(preload: None) -> None:
    """The store's rows are lost on the way, by a hand that nothing of the program sees."""
    need("vecd", "vecctl", "crashcheck", tools=("strace",))
    never = Fault("fsync", "fail", 1_000)

    def lose_a_segment(store: Path) -> None:
        min((store / "segments").glob("*.vseg")).unlink()

    with scratch() as side:
        sound, spoilt = template(side / "sound"), template(side / "spoilt", spoil)
        wanted = mended(spoilt)
        assert not snapshot_fails(sound, "fsync", "error=EIO", 1_000, False)[1]
        assert snapshot_fails(sound, "fsync", "error=EIO", 1_000, False, tamper=lose_a_segment)[1]
        assert not restore_fails(sound, never)[1]
        assert restore_fails(sound, never, tamper=lose_a_segment)[1]
        assert not repair_fails(spoilt, never, wanted)[1]
        assert repair_fails(spoilt, never, wanted, tamper=lose_a_segment)[1]


def test_short_reads_and_writes_are_finished_or_refused(preload: None) -> None:
    need("vecd", "vecctl", "crashcheck")
    found = sweep_short(stride=41, workers=WORKERS)
    print(found.line)
    assert not found.problems
    assert found.outcomes["all done"] >= 6, "reads and writes that are only short are finished"
    refusals = {"storage-full", "io-error", "outcome-unknown", "start refused (74)"}  # which one depends on where the tear falls
    assert sum(found.outcomes[answer] for answer in refusals) >= 20, "a tear is seen by who asked for the write"
    assert found.outcomes["storage-full"] + found.outcomes["io-error"] >= 8


def test_writes_that_are_said_to_be_whole_and_are_short_are_found(preload: None) -> None:
    need("vecd", "vecctl", "crashcheck")
    assert any(short(Fault("pwrite", "lie", number))[1] for number in (7, 97))
