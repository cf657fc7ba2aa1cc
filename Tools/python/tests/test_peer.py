"""Promise 9 with a real process of another user: it is refused by the daemon itself, whatever the path lets through."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

import vecd
from conftest import Daemon, binary

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def as_nobody(work: Callable[[], str]) -> str:
    """What `work` returns in a forked child of uid and gid 65534. A fork has all modules, which 65534 could not read."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            try:
                told = work()
            except Exception as error:  # all of it has to reach the parent
                told = f"{type(error).__name__}: {error}"
            os.write(writing, told.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def reachable(options: list[str]) -> Daemon:
    """A daemon whose socket and folder everybody can reach, as an owner may leave them by mistake or on purpose."""
    directory = Path(tempfile.mkdtemp(prefix="vecd-peer-"))
    directory.chmod(0o755)
    daemon = Daemon(binary("VECD_BIN", "vecd"), directory, options)
    daemon.start()
    return daemon


def end(daemon: Daemon) -> None:
    assert daemon.stop() == 0
    shutil.rmtree(daemon.directory, ignore_errors=True)


def test_another_uid_is_refused_and_closed_though_it_reaches_the_socket() -> None:
    daemon = reachable([])
    try:
        assert os.stat(daemon.socket).st_mode & 0o777 == 0o600
        told = as_nobody(lambda: str(vecd.connect(daemon.socket, timeout=5).collections()))
        assert "Permission denied" in told or "permission-denied" in told, told
        os.chmod(daemon.socket, 0o666)

        def ask() -> str:
            assert os.geteuid() == NOBODY
            try:
                vecd.connect(daemon.socket, timeout=5)
            except vecd.VecdError as error:
                return f"{error.label}|{error}"
            return "served"

        told = as_nobody(ask)
        assert told.startswith("permission-denied|") and f"uid {NOBODY}" in told and "--allow-uid" in told, told

        def raw() -> str:
            """Whatever it sends, all it gets is one error frame and the end."""
            with socket.socket(socket.AF_UNIX) as plain:
                plain.settimeout(5)
                plain.connect(daemon.socket)
                got = b""
                while piece := plain.recv(65536):
                    got += piece
                return f"{len(got)} bytes, {got.count(b'may not use this daemon')}"

        told = as_nobody(raw)
        assert told.endswith(" bytes, 1"), told
        with daemon.connect() as client:
            assert client.collections() == []
    finally:
        end(daemon)


def test_a_uid_that_the_owner_names_is_served_and_no_other() -> None:
    daemon = reachable(["--allow-uid", str(NOBODY)])
    try:

        def serve() -> str:
            with vecd.connect(daemon.socket, timeout=5) as client:
                client.create("theirs", 2, "ip")
                return ",".join(collection.name for collection in client.collections())

        assert as_nobody(serve) == "theirs"
        # The store itself stays the owner's alone.
        assert as_nobody(lambda: str(os.listdir(daemon.store))).startswith("PermissionError")
        with daemon.connect() as client:
            assert [collection.name for collection in client.collections()] == ["theirs"]
    finally:
        end(daemon)
