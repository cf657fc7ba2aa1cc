"""Power cuts by shutting a journalled file system down under the daemon."""

from __future__ import annotations

import pytest

from crash_needs import SEED, need
from crash.power import power_cuts, prefix_without_syncs, why_not


@pytest.fixture(scope="module", autouse=True)
def loop_devices() -> None:
    need("vecd", tools=("strace",))
    if reason := why_not():
        pytest.skip(f"POWER CUTS ARE NOT TRIED HERE: {reason}")


def test_everything_acknowledged_before_a_power_cut_is_there_after_it() -> None:
    found = power_cuts(200, SEED)
    print(f"seed {SEED}: {found.line}")
    assert not found.problems
    assert found.acknowledged >= 400


def test_a_daemon_whose_syncs_do_nothing_is_found() -> None:
    assert power_cuts(20, SEED, early=0, prefix=prefix_without_syncs()).problems
