"""One real daemon for all tests, and one thread for torch: shared cores wait less for each other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import torch

import vecd

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = Path(__file__).resolve().parent / "fixtures"
torch.set_num_threads(1)


def program(variable: str, name: str) -> Path:
    """Missing is a failure where it was promised (CI, or the variable), else a visible skip; as in Tools/python."""
    path = Path(os.environ.get(variable) or ROOT / ".build" / "release" / name)
    if not os.access(path, os.X_OK):
        message = f"{name} is not at {path}; build it with `swift build -c release --product {name}`"
        (pytest.fail if os.environ.get(variable) or os.environ.get("CI") else pytest.skip)(message)
    return path


def rendered(url: str) -> str:
    """The document of a page as a real browser has it, five seconds of its time after loading."""
    browser = shutil.which("chromium")
    if browser is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no chromium; Tools/recall/test installs Debian's")
    profile = tempfile.mkdtemp(prefix="recall-browser-")
    try:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                   f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom", url]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout
    finally:
        shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture(scope="session")
def socket() -> Iterator[str]:
    """The socket of a daemon on a store of its own."""
    binary = program("VECD_BIN", "vecd")
    folder = Path(tempfile.mkdtemp(prefix="vecd-recall-"))
    path = str(folder / "vecd.sock")
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([str(binary), "serve", "--store", str(folder / "store"), "--socket", path],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                vecd.connect(path, timeout=5).close()
                break
            except vecd.VecdError as error:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"vecd did not start: {error}\n{(folder / 'log').read_text()}", pytrace=False)
                time.sleep(0.05)
        yield path
        assert process.poll() is None, f"vecd ended by itself\n{(folder / 'log').read_text()}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(socket: str) -> Iterator[vecd.Client]:
    with vecd.connect(socket, timeout=120) as made:
        yield made


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("there is no redis-server; Tools/recall/test installs Debian's")
    folder = Path(tempfile.mkdtemp(prefix="recall-redis-"))
    path = folder / "redis.sock"
    process = subprocess.Popen([program, "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no",
                                "--dir", str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                redis.Redis.from_url(f"unix://{path}").ping()
                break
            except redis.RedisError:
                assert process.poll() is None and time.monotonic() < until, "redis-server did not start"
                time.sleep(0.05)
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
