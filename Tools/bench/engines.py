"""The daemon under test and its peers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
import vecd  # noqa: E402
from vecd import protocol as p  # noqa: E402
from vecd.wire import HEADER, Effort, Header, Index  # noqa: E402


class Daemon:
    """`vecd serve` on one core with one search thread."""

    def __init__(self, program: str, ctl: str, directory: Path, core: int) -> None:
        self.program, self.ctl_program, self.directory, self.core = program, ctl, directory, core
        self.socket = str(directory / "s")
        self.process: subprocess.Popen | None = None

    def start(self) -> float:
        """Seconds from the start of the process until it greets a client."""
        words = ["taskset", "-c", str(self.core), self.program, "serve", "--store", str(self.directory / "store"),
                 "--socket", self.socket, "--threads", "1"]
        begun = time.perf_counter()
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while True:
            try:
                vecd.connect(self.socket, timeout=60).close()
                return time.perf_counter() - begun
            except vecd.VecdError as error:
                if self.process.poll() is not None or time.perf_counter() - begun > 120:
                    raise SystemExit(f"vecd did not start: {error}\n{(self.directory / 'log').read_text()}") from None
                time.sleep(0.0005)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ctl(self, *words: str) -> str:
        done = subprocess.run(
            [self.ctl_program, "--socket", self.socket, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise SystemExit(f"vecctl {' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, to the nanosecond."""
        assert self.process is not None
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass  # a thread that just ended
        return total / 1e9


class RawLink:
    """Frames prepared beforehand over a bare socket: the daemon and the socket without the Python client."""

    def __init__(self, path: str, greet: bool = True) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.buffer = bytearray(1 << 20)
        if greet:
            self.ask(b"".join(p.request_frame(p.HelloRequest(1, 1, "bench"), 1)))

    def exchange(self, request: bytes, reply_bytes: int) -> None:
        self.sock.sendall(request)
        if len(self.buffer) < reply_bytes:
            self.buffer = bytearray(reply_bytes)
        view, have = memoryview(self.buffer), 0
        while have < reply_bytes:
            got = self.sock.recv_into(view[have:reply_bytes])
            if not got:
                raise SystemExit("the connection ended")
            have += got

    def ask(self, request: bytes) -> int:
        """One exchange whose reply length is not known yet; returns it."""
        self.exchange(request, HEADER.size)
        header = Header.decode(bytes(self.buffer[: HEADER.size]))
        self.exchange(b"", header.body_length)
        if header.status:
            raise SystemExit(p.ErrorReply.decode(bytes(self.buffer[: header.body_length])).message)
        return HEADER.size + header.body_length

    def close(self) -> None:
        self.sock.close()


def search_frame(collection: str, queries: np.ndarray, k: int) -> bytes:
    message = p.SearchRequest(
        collection, "", k, Effort.DEFAULT, 0, Index.AUTO, 1, len(queries), queries.shape[1], queries)
    return b"".join(p.request_frame(message, 2))


class Echo:
    """The bare C server of echo.c."""

    def __init__(self, directory: Path, core: int, request: int, reply: int) -> None:
        program = directory / "echo"
        if not program.exists():
            compiler = shutil.which("clang") or shutil.which("cc") or shutil.which("gcc")
            if compiler is None:
                raise SystemExit("no C compiler (clang, cc or gcc) in PATH")
            subprocess.run([compiler, "-O2", "-o", program, Path(__file__).with_name("echo.c")], check=True)
        path = str(directory / f"e{request}-{reply}")
        words = ["taskset", "-c", str(core), str(program), path, str(request), str(reply)]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not os.path.exists(path) and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(0.05)
        self.link = RawLink(path, greet=False)

    def close(self) -> None:
        self.link.close()
        self.process.kill()
        self.process.wait()


class FaissFlat:
    """IndexFlatIP over float32 rows, one thread.

    For batches Faiss has two ways: a matrix product (sgemm) and its own kernels. Which is faster depends on the machine, and its
    default is not always the faster one, so callers measure both and count the better.
    """

    # Values of distance_compute_blas_threshold: the least number of queries for which sgemm is used.
    WAYS = {"sgemm": 1, "own kernels": 1 << 30}

    def __init__(self, rows: np.ndarray) -> None:
        faiss.omp_set_num_threads(1)
        self.index = faiss.IndexFlatIP(rows.shape[1])
        self.index.add(rows)

    def use(self, way: str) -> None:
        faiss.cvar.distance_compute_blas_threshold = self.WAYS[way]

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        return self.index.search(queries, k)[1]


class NumpyFlat:
    """One matrix product, then the k best of each row in order."""

    BLOCK = 64  # queries at a time: the table of all scores must not grow without bound

    def __init__(self, rows: np.ndarray) -> None:
        self.columns = np.ascontiguousarray(rows.T)

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        found = np.empty((len(queries), k), dtype=np.int64)
        for start in range(0, len(queries), self.BLOCK):
            scores = queries[start : start + self.BLOCK] @ self.columns
            best = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
            found[start : start + self.BLOCK] = np.take_along_axis(best, order, axis=1)
        return found
