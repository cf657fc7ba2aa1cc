"""Power cuts at every moment, as far as a recording of all system calls can tell."""

from __future__ import annotations

import pytest

from crash_needs import SEED, need
from crash.controls import CONTROLS, no_database_sync
from crash.discipline import breaches, planted, renames
from crash.explore import Findings, explore
from crash.life import SCENARIO
from crash.nested import Plan, nest
from crash.record import Recording, record
from crash.states import Policy
from crash.chance import random_steps


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    """The scenario in which everything occurs, and 40 steps by chance; each daemon is killed once and stopped once."""
    need("vecd", "crashcheck", tools=("strace",))
    return [record(SCENARIO, {9: 9, 20: 15}), record(random_steps(SEED, 40), {13: 9, 27: 15})]


@pytest.fixture(scope="module")
def explored(recordings: list[Recording]) -> list[Findings]:
    found = [explore(recording, Policy(variants=14), SEED + n, sample=24) for n, recording in enumerate(recordings)]
    for n, findings in enumerate(found):
        print(f"seed {SEED + n}: {findings.line}")
    return found


def test_after_a_power_cut_at_any_moment_the_store_opens_to_a_prefix_that_holds_all_that_was_acknowledged(
    explored: list[Findings],
) -> None:
    assert not [str(violation) for findings in explored for violation in findings.violations]
    assert sum(findings.explored for findings in explored) >= 50_000
    assert sum(findings.distinct for findings in explored) >= 5_000


def test_a_recovery_may_be_cut_short_twice_and_what_it_once_showed_stays(
    explored: list[Findings], recordings: list[Recording]
) -> None:
    count = 0
    for n, (findings, recording) in enumerate(zip(explored, recordings)):
        for depth, found in nest(findings.sample, recording, Plan(depth=2, follow=1), SEED + n).items():
            print(f"seed {SEED + n}, depth {depth}: {found.line}")
            assert not [str(violation) for violation in found.violations]
            count += found.explored
    assert count >= 5_000


def test_names_that_reach_the_disk_in_any_order_do_no_harm(recordings: list[Recording]) -> None:
    found = explore(recordings[0], Policy(variants=5, ordered_names=False), SEED)
    assert not [str(violation) for violation in found.violations]


@pytest.mark.parametrize("bug", CONTROLS)
def test_a_planted_bug_is_found(bug: str, recordings: list[Recording]) -> None:
    found = explore(CONTROLS[bug](recordings[0]), Policy(variants=16), SEED, stop_at_first=True)
    assert found.count > 0, found.line


def test_a_recovery_that_empties_the_log_before_the_database_is_durable_is_found(
    explored: list[Findings], recordings: list[Recording]
) -> None:
    found = nest(explored[0].sample, recordings[0], Plan(1, 0, plant=no_database_sync), SEED)[1]
    assert found.count > 0, found.line


def test_before_and_after_each_rename_into_place_what_must_be_synced_is(recordings: list[Recording]) -> None:
    for recording in recordings:
        assert not [str(breach) for breach in breaches(recording)]
    kinds = {kind for op in renames(recordings[0]) for kind in ("segments", "snapshots") if f"/{kind}/" in op.path}
    assert kinds == {"segments", "snapshots"}
    assert sum(len(renames(recording)) for recording in recordings) >= 20


def test_each_rename_without_its_syncs_is_found(recordings: list[Recording]) -> None:
    bugs = [bug for recording in recordings for bug in planted(recording)]
    assert len(bugs) >= 40
    assert not [name for name, recording in bugs if not breaches(recording)]
