"""kill -9 at random moments, at every kind of call, in recoveries."""

from __future__ import annotations

from crash_needs import SEED, need
from crash.kill import kill_at_every_call, kill_cycles


def test_after_kills_at_random_moments_everything_acknowledged_is_there() -> None:
    need("vecd")
    found = kill_cycles(500, SEED, writes=120)
    print(f"seed {SEED}: {found.line}")
    assert not found.problems
    assert found.writes >= 100_000
    assert found.hits["start and recovery"] + found.hits["after the socket"] >= 100, "a fifth in the first 50 ms"
    for kind in ("ingest", "build", "publish", "drop", "upsert", "delete", "seal", "compact"):
        assert found.hits[kind] >= 3, f"the kills hardly hit {kind}"


def test_after_a_kill_at_a_call_of_a_publish_and_one_of_the_recovery_the_rest_can_be_done() -> None:
    need("vecd", tools=("strace",))
    found = kill_at_every_call(stride=9)
    print(found.line)
    assert not found.problems
    assert found.cycles >= 50


def test_a_store_that_forgets_is_found() -> None:
    need("vecd")
    assert kill_cycles(40, SEED, forget=True).problems
