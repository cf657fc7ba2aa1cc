"""The daemon under test, in a directory that goes with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "Tools" / "python"))
import vecd  # noqa: E402


class Daemon:
    """`vecd serve` on a store of its own. A context manager."""

    def __init__(self, program: str, parent: Path, *words: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vecd-writes-", dir=parent))
        self.socket = str(self.folder / "s")
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--store", str(self.folder / "store"), "--socket", self.socket, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(2000):
            try:
                vecd.connect(self.socket, timeout=60).close()
                return
            except vecd.VecdError:
                time.sleep(0.005)
        raise SystemExit(f"vecd did not start: {(self.folder / 'log').read_text()}")

    def connect(self) -> vecd.Client:
        return vecd.connect(self.socket, timeout=600)

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)


def towers(parent: Path, rows: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Generated items and 3,000 users of two towers (ip), made unless they are there from an earlier run."""
    folder = parent / f"towers-{rows}-{dimension}"
    if not (folder / "meta.json").exists():
        subprocess.run(
            [sys.executable, str(ROOT / "Tools/bench/peers/generate.py"), "--out", str(folder), "--kind", "towers",
             "--metric", "ip", "--rows", str(rows), "--dimension", str(dimension), "--queries", "3000"], check=True)
    return np.load(folder / "items.npy"), np.load(folder / "queries.npy")
