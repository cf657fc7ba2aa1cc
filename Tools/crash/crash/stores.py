"""Stores that no daemon has open: what they hold, restoring them from snapshots, and the programs that do it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .life import SCENARIO
from .model import complaint, view
from .programs import program
from .steps import states
from .writes import Snapshot


def opened(store: Path) -> dict[str, Any]:
    """What a start would show; it recovers the store."""
    done = subprocess.run(
        [program("crashcheck")], input=f"{store}\n".encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return json.loads(done.stdout) if done.stdout else {"error": f"crashcheck ended with status {done.returncode}"}


def run(name: str, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """A program's status and what it said."""
    done = subprocess.run(
        [program(name), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60,
        env=environment,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def restored(snapshot: Path, target: Path) -> dict[str, Any]:
    """What a store shows that is made of a snapshot."""
    status, said = run("vecctl", "restore", str(snapshot), str(target))
    return opened(target) if status == 0 else {"error": f"restore of {snapshot}: {said[-300:]}"}


def snapshot_complaint(store: Path) -> str | None:
    """Whether the scenario's snapshot, which was acknowledged by now, can be restored to what was there when it was made."""
    made = next(number for number, step in enumerate(SCENARIO) if isinstance(step, Snapshot))
    answer = restored(store / "snapshots" / SCENARIO[made].name, store.parent / "restored")  # type: ignore[attr-defined]
    problem = complaint(answer, [view(states(SCENARIO)[made])], 0, 0)
    return problem and f"its snapshot: {problem}"
