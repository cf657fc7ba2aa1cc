"""Stores that no daemon has open: what they hold, restoring them from snapshots, and the programs that do it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .programs import program


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
