"""Recordings that several tests break, made once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "python")]

from crash.programs import Missing, program, tool  # noqa: E402
from crash.record import Recording, record  # noqa: E402
from crash.steps import random_steps  # noqa: E402

SEED = 20_261_128


def need(*programs: str, tools: tuple[str, ...] = ()) -> None:
    """Fails in CI, or skips with a notice elsewhere, when something is not here."""
    try:
        for name in programs:
            program(name)
        for name in tools:
            tool(name)
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    """Two runs of 40 steps; each daemon is killed once and stopped once in between."""
    need("vecd", "crashcheck", tools=("strace",))
    return [record(random_steps(SEED + n, 40), {13: 9, 27: 15}) for n in range(2)]
