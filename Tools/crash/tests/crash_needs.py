"""What all tests here need. Not a conftest: the tests of the Python client, run by the same command, import theirs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "python")]

from crash.programs import Missing, program, tool  # noqa: E402

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
