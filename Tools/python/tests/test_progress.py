"""A person at a terminal sees how far long work has come; a pipe or a file gets the last word alone."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import vecd
from conftest import Daemon, binary

ERASE = "\r\x1b[K"


def run(daemon: Daemon, arguments: list[str], terminal: bool, feed: list[bytes] | None = None) -> tuple[int, str, str]:
    """Status, stdout and stderr of vecctl. The parts of its standard input come half a second apart."""
    program = str(binary("VECCTL_BIN", "vecctl"))
    mine, theirs = pty.openpty() if terminal else os.pipe()
    with open(mine, "rb", buffering=0) as reading:
        process = subprocess.Popen(
            [program, "--socket", daemon.socket, *arguments], stdout=subprocess.PIPE, stderr=theirs,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "TERM": "xterm"},
        )
        os.close(theirs)
        seen: list[bytes] = []

        def watch() -> None:
            try:
                while piece := reading.read(65536):
                    seen.append(piece)
            except OSError:
                pass  # a terminal whose last user has gone

        watcher = threading.Thread(target=watch)
        watcher.start()
        for part in feed or []:
            assert process.stdin is not None
            process.stdin.write(part)
            process.stdin.flush()
            time.sleep(0.5)
        out, _ = process.communicate(timeout=60)
        watcher.join(60)
    return process.returncode, out.decode(), b"".join(seen).decode()


def npy(rows: np.ndarray, path: Path) -> bytes:
    np.save(path, rows)
    return path.read_bytes()


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_an_ingest_draws_a_bar_on_a_terminal_only(
    daemon: Daemon, db: vecd.Client, name: str, tmp_path: Path, terminal: bool
) -> None:
    db.create(name, 64)
    data = npy(np.full((100_000, 64), 0.5, "<f4"), tmp_path / "rows.npy")
    # After the pause two blocks more are sent, so that the bar has something to tell.
    cut = len(data) // 3
    status, out, err = run(daemon, ["ingest", name, "-"], terminal, [data[:cut], data[cut : 2 * cut], data[2 * cut :]])
    assert status == 0, err
    assert "100,000 rows" in out or "100000 rows" in out, out
    if terminal:
        assert f"{ERASE}ingest [" in err and " rows/s" in err and " %" in err and "ETA" in err, repr(err)
        assert err.endswith(ERASE), f"the bar is not taken away at the end: {err[-80:]!r}"
    else:
        assert "\r" not in err and "\x1b" not in err and "[=" not in err, repr(err)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_build_that_is_waited_for_draws_a_bar_on_a_terminal_only(
    daemon: Daemon, db: vecd.Client, name: str, terminal: bool
) -> None:
    db.create(name, 32)
    random = np.random.default_rng(7)
    db.ingest(name, np.arange(3_000), random.standard_normal((3_000, 32), dtype="<f4"))
    status, out, err = run(daemon, ["build-index", name, "--type", "auto", "--wait"], terminal)
    assert status == 0 and "is built" in out, err
    if terminal:
        assert f"{ERASE}build-index [" in err and " %" in err, repr(err)
    else:
        assert "\r" not in err and "\x1b" not in err and "[=" not in err, repr(err)
    assert "INDEX" in err, "the report of what was measured comes after the bar"
