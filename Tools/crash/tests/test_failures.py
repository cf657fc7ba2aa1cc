"""System calls that fail, and disks that are full."""

from __future__ import annotations

import os

import pytest

from crash_needs import need
from crash.inject import failing, sweep
from crash.sizes import sizes


def test_no_failing_system_call_loses_what_was_acknowledged_or_gives_a_wrong_answer() -> None:
    need("vecd", tools=("strace",))
    found = sweep(stride=61)
    print(found.line)
    assert not found.problems
    assert found.points >= 60
    assert found.outcomes["io-error"] + found.outcomes["outcome-unknown"] >= 20, "too few calls failed in earnest"
    assert found.outcomes["storage-full"] >= 3


def test_writes_that_are_said_to_be_done_and_are_not_are_found() -> None:
    need("vecd", tools=("strace",))
    problems = [failing("vecd-write-0", "pwrite64", "retval=4096", number, True)[1] for number in (1, 9, 17)]
    assert any(problems)


def test_a_disk_full_at_any_page_refuses_cleanly_and_goes_on_with_room() -> None:
    need("vecd")
    if os.geteuid() != 0:
        pytest.skip("FULL DISKS ARE NOT TRIED HERE: mounting small disks needs root")
    found = sizes(44, first=2, stride=4)
    print(found.line)
    assert not found.problems
    assert found.outcomes["storage-full"] >= 20
