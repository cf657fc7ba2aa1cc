"""The real daemon on a temporary store, and a scripted one for what a real daemon never does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import hypothesis.configuration
import pytest

import vecd
from scripted import ScriptedDaemon

# No database and its other files elsewhere: a failure prints what reproduces it, the checkout stays clean.
hypothesis.configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "vecd-hypothesis")
hypothesis.settings.register_profile("vecd", database=None, print_blob=True, deadline=None)
hypothesis.settings.load_profile("vecd")

ROOT = Path(__file__).resolve().parents[3]
FORMATS = ROOT / "Formats"


def binary(variable: str, name: str) -> Path:
    """Where a program is. Missing: a failure where it was promised (CI, or the variable), else a visible skip."""
    path = Path(os.environ.get(variable) or ROOT / ".build" / "release" / name)
    if not os.access(path, os.X_OK):
        message = f"{name} is not at {path}; build it with `swift build -c release --product {name}`"
        if os.environ.get(variable) or os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return path


class Daemon:
    """One `vecd serve` on its own store; may be killed and started again."""

    def __init__(self, program: Path, directory: Path, options: list[str] | None = None) -> None:
        self.program, self.directory, self.options = program, directory, options or []
        self.store = directory / "store"
        self.socket = str(directory / "vecd.sock")
        self.log = directory / "vecd.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), "serve", "--store", str(self.store), "--socket", self.socket, *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        until = time.monotonic() + 20
        while True:
            try:
                vecd.connect(self.socket, timeout=5).close()
                return
            except vecd.VecdError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.stop(signal.SIGKILL)
                    pytest.fail(f"vecd did not start: {error}\n{self.log.read_text()}", pytrace=False)
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status; negative when a signal ended it."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"vecd did not end within 20 s of {how.name}\n{self.log.read_text()}", pytrace=False)

    def connect(self, **options: object) -> vecd.Client:
        return vecd.connect(self.socket, **options)  # type: ignore[arg-type]


def _run_daemon() -> Iterator[Daemon]:
    program = binary("VECD_BIN", "vecd")
    # A short path of our own: socket paths are limited to 107 bytes and pytest's are long.
    directory = Path(tempfile.mkdtemp(prefix="vecd-test-"))
    daemon = Daemon(program, directory)
    try:
        daemon.start()
        yield daemon
        assert daemon.process is not None
        died = daemon.process.poll()
        status = daemon.stop()
        log = daemon.log.read_text()
        assert died is None, f"vecd ended by itself with status {died}\n{log}"
        assert status == 0, f"vecd ended with status {status} after SIGTERM\n{log}"
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """One daemon for all tests; each test uses collections of its own name."""
    yield from _run_daemon()


@pytest.fixture
def own_daemon() -> Iterator[Daemon]:
    """A daemon for one test, which may stop, kill and restart it."""
    yield from _run_daemon()


@pytest.fixture
def db(daemon: Daemon) -> Iterator[vecd.Client]:
    with daemon.connect() as client:
        yield client


@pytest.fixture
def name(request: pytest.FixtureRequest, daemon: Daemon) -> Iterator[str]:
    """A collection name that no other test uses; the collection is dropped afterwards."""
    global _names
    _names += 1
    chosen = f"t{_names}"
    yield chosen
    with daemon.connect() as client:
        if chosen in [collection.name for collection in client.collections()]:
            client.drop(chosen)


_names = 0


@pytest.fixture
def scripted() -> Iterator[ScriptedDaemon]:
    server = ScriptedDaemon()
    try:
        yield server
    finally:
        server.close()
