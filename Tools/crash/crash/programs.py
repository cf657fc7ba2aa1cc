"""The programs under test, and one daemon process that may be traced, limited, killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import vecd

from .model import BIASES, SETS, digest
from .steps import texts

ROOT = Path(__file__).resolve().parents[3]


class Missing(Exception):
    """Something a method needs is not here; the message says what to do."""


def program(name: str) -> str:
    """Where a program is: $VECD_BIN and so on, else the release build."""
    path = Path(os.environ.get(f"{name.upper()}_BIN") or ROOT / ".build" / "release" / name)
    if not os.access(path, os.X_OK):
        raise Missing(f"{name} is not at {path}; build it with `swift build -c release --product {name}`")
    return str(path)


def tool(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Missing(f"{name} is not installed (Debian: apt-get install strace e2fsprogs mount util-linux)")
    return found


@contextmanager
def scratch(prefix: str = "vecd-crash-", memory: bool = True) -> Iterator[Path]:
    """A short path (sockets want that), in memory unless the method needs a real disk."""
    where = "/dev/shm" if memory and os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Died(Exception):
    """The daemon ended before it answered: its status and what it said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(status, said)  # what it is made of again in another process
        self.status, self.said = status, said

    def __str__(self) -> str:
        return f"vecd ended with status {self.status}: {self.said.strip()[-800:]}"


class Daemon:
    """`vecd serve` on a store; the socket lies outside, so the store's directory holds the store alone."""

    def __init__(self, store: Path, side: Path, options: list[str] | None = None) -> None:
        self.store, self.side = store, side
        self.socket = str(side / "s")
        self.log = side / "log"
        # A ballast that takes part in everything, and is not most of a disk or of what is recorded of one.
        self.options = options or ["--threads", "1", "--memory-budget", "256M", "--ballast", "64K"]
        self.environment: dict[str, str] | None = None  # None: this process's own
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0  # of vecd itself, also under a tracer

    def spawn(self, prefix: list[str] | None = None, path: str | None = None) -> None:
        """Starts it and does not wait. prefix: a program that runs it, such as strace."""
        Path(self.socket).unlink(missing_ok=True)
        command = [path or program("vecd"), "serve", "--store", str(self.store), "--socket", self.socket, *self.options]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*(prefix or []), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )
        self.pid = 0 if prefix else self.process.pid

    def wait(self, seconds: float = 20) -> vecd.Client:
        """A connection, as soon as it answers."""
        until = time.monotonic() + seconds
        while True:
            try:
                client = vecd.connect(self.socket, timeout=seconds)
                self.pid = self.pid or self._traced_pid()
                return client
            except vecd.VecdError as error:
                assert self.process is not None
                if (status := self.process.poll()) is not None:
                    raise Died(status, self.said()) from None
                if time.monotonic() > until:
                    raise Died(-999, f"no answer in {seconds} s: {error}\n{self.said()}") from None
                time.sleep(0.002)

    def start(self, prefix: list[str] | None = None) -> vecd.Client:
        self.spawn(prefix)
        return self.wait()

    def thread(self, name: str) -> int:
        """The id of one of its threads, by the name that it gives itself soon after the start."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                if (task / "comm").read_text().strip() == name:
                    return int(task.name)
            time.sleep(0.005)
        raise Missing(f"vecd has no thread named {name}")

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def end(self, how: int = signal.SIGKILL, seconds: float = 20) -> int:
        """Ends it (and waits for a tracer to write its log); its exit status as the shell would say it."""
        process = self.process
        if process is None:
            return 0
        if process.poll() is None:
            try:
                os.kill(self.pid or self._traced_pid() or process.pid, how)
            except ProcessLookupError:
                pass
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        self.process, self.pid = None, 0
        return status

    def _traced_pid(self) -> int:
        assert self.process is not None
        task = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        try:
            children = Path(task).read_text().split()
        except OSError:
            children = []
        return int(children[0]) if children else self.process.pid


@contextmanager
def attached(thread: int, arguments: list[str], log: Path | str = "/dev/null") -> Iterator[None]:
    """strace on one thread of a running process, from when it is attached until the end of the block.

    strace counts calls per thread, so that only one thread makes "the third fsync" mean something.
    """
    tracer = subprocess.Popen([tool("strace"), "-qq", "-e", "signal=none", "-o", str(log), "-p", str(thread), *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 10
        while "TracerPid:\t0\n" in Path(f"/proc/{thread}/status").read_text():
            if tracer.poll() is not None or time.monotonic() > until:
                raise Missing(f"strace cannot attach: {tracer.stderr.read().decode() if tracer.stderr else ''}")
            time.sleep(0.001)
        yield
    finally:
        tracer.terminate()
        tracer.wait()
        if tracer.stderr:
            tracer.stderr.close()


def observe(client: vecd.Client) -> dict[str, Any]:
    """What crashcheck says of a store, asked of a daemon: every row of every generation that can be searched. Besides the model
    of each, and what is set of collections."""
    collections = []
    for c in client.collections():
        generations = []
        for g in client.generations(c.name) if not c.fence else []:
            entry: dict[str, Any] = {"label": g.label, "state": g.state.name.lower(), "rows": g.rows, "model": g.model}
            if entry["state"] != "building":
                question = np.ones(c.dimension, dtype=np.float32)
                found = client.search(c.name, question, min(16_384, g.rows + 1024), generation=g.label, exact=True)
                ids = found.ids[0, : found.counts[0]]
                if not len(ids):
                    generations.append(entry | {"found": 0, "digest": "0"})
                    continue
                got = client.get(c.name, ids, generation=g.label, fields=("attributes", "payload", "string_id"))
                if not got.found.all() or len(set(ids.tolist())) != len(ids):
                    return {"error": f"a search of {g.label} finds ids that get does not, or one id twice"}
                if any(
                    values != {"id": key} or payload != row.tobytes()
                    for key, row, values, payload in zip(ids.tolist(), got.vectors, got.attributes, got.payloads)
                ):
                    return {"error": f"a row of {g.label} has not the attributes or the payload that it was written with"}
                if got.string_ids != (texts(c.name, ids) or [None] * len(ids)):
                    return {"error": f"a row of {g.label} has not the string id that it was written with"}
                entry |= {"found": len(ids), "digest": digest(ids, got.vectors)}
            generations.append(entry)
        told = client.describe(c.name)
        collections.append({
            "name": c.name, "dimension": c.dimension, "metric": c.metric.name.lower(), "live": c.live_generation or None,
            "sequence": c.sequence, "fence": c.fence or None, "generations": generations,
            "sets": [] if c.fence else [
                [name, ids] for name in SETS if (ids := client.exclusions(c.name, name).ids.tolist())],
            "biases": [] if c.fence else [
                [name, list(zip(own.ids.tolist(), own.values.tolist()))]
                for name in BIASES if len((own := client.biases(c.name, name)).ids)],
            "settings": [told["model_policy"], told["captured_queries"], told["gauge_share"]],
        })
    return {"collections": collections}
