"""vecd and its peers side by side: ingest, open, search, socket round trip. Called by Tools/bench/run."""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from engines import Daemon, Echo, FaissFlat, NumpyFlat, RawLink, search_frame
from report import markdown
from rounds import Contest, machine, median_seconds, on_core, seconds_per_call

import vecd
from vecd import protocol as p

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "Tools" / "data" / "reddit-sample"
BATCHES, DEPTHS = (1, 256), (10, 100, 500)


@dataclass
class DataSet:
    name: str
    what: str
    metric: str
    items: Path
    ids: Path
    rows: np.ndarray  # float32, unit length under cosine: what the peers hold
    queries: np.ndarray  # float32, at least 256


def data_set(name: str, directory: Path) -> DataSet:
    if name == "sample":
        rows = np.load(SAMPLE / "items.f16.npy").astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        queries = np.load(SAMPLE / "queries.npy")
        return DataSet(
            name, "50,000 x 64 float16, cosine, real (Tools/data/reddit-sample)", "cosine", SAMPLE / "items.f16.npy",
            SAMPLE / "ids.npy", rows, queries)
    count, dimension, seed = {"200k": (200_000, 64, 1), "1m": (1_000_000, 128, 2)}[name]
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, dimension), dtype=np.float32)
    rows *= np.exp(0.3 * rng.standard_normal((count, 1), dtype=np.float32))  # norms differ, as popularity does
    items, ids = directory / f"{name}.npy", directory / f"{name}.ids.npy"
    np.save(items, rows)
    np.save(ids, rng.permutation(count).astype(np.uint64))
    queries = rng.standard_normal((512, dimension), dtype=np.float32)
    what = f"{count:,} x {dimension} float32, inner product, normal with log-normal norms, seed {seed}"
    return DataSet(name, what, "ip", items, ids, rows, queries)


class Bench:
    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self.options, self.directory, self.core = options, directory, options.engine_core
        self.daemon = Daemon(options.vecd, options.vecctl, directory, self.core)
        self.contests: list[Contest] = []

    def contest(self, group: str, name: str, unit: str) -> Contest:
        self.contests.append(Contest(group, name, unit))
        return self.contests[-1]

    def say(self, text: str) -> None:
        print(text, flush=True)

    # -- ingest

    def ingest(self, data: DataSet) -> None:
        """File to durable store: vecctl against Faiss (load, add, write, fsync) and a plain copy with fsync."""
        contest = self.contest(data.name, "ingest an npy file durably", "row")
        ready = self.contest(data.name, "ingest, build the flat index and publish", "row")
        count = len(data.rows)
        for number in range(self.options.rounds + 1):
            name = f"{data.name}-ingest"
            self.daemon.ctl("create", name, "--dim", str(data.rows.shape[1]), "--metric", data.metric)
            start = time.perf_counter()
            self.daemon.ctl("ingest", name, str(data.items), "--ids", str(data.ids), "--generation", "g")
            ingested = time.perf_counter() - start
            self.daemon.ctl("build-index", name, "--generation", "g", "--type", "flat", "--wait")
            self.daemon.ctl("publish", name, "g")
            published = time.perf_counter() - start
            self.daemon.ctl("drop", name, "--yes")
            with on_core(self.core):
                faiss_time = self.faiss_ingest(data)
                copy_time = self.copy(data)
            if number:  # the first round warms the page cache
                contest.add("vecd", ingested / count)
                contest.add("faiss", faiss_time / count)
                contest.add("copy + fsync", copy_time / count)
                ready.add("vecd", published / count)
                ready.add("faiss", faiss_time / count)

    def faiss_ingest(self, data: DataSet) -> float:
        path = self.directory / "faiss"
        start = time.perf_counter()
        rows = np.load(data.items).astype(np.float32)
        index = faiss.IndexIDMap(faiss.IndexFlatIP(rows.shape[1]))
        index.add_with_ids(rows, np.load(data.ids).astype(np.int64))
        faiss.write_index(index, str(path))
        self.sync(path)
        return time.perf_counter() - start

    def copy(self, data: DataSet) -> float:
        path = self.directory / "copy"
        start = time.perf_counter()
        shutil.copyfile(data.items, path)
        self.sync(path)
        seconds = time.perf_counter() - start
        path.unlink()
        return seconds

    @staticmethod
    def sync(path: Path) -> None:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    # -- open

    def open(self, data: DataSet) -> None:
        """Until the first answer, files in the page cache: vecd from the start of its process, Faiss from read_index."""
        contest = self.contest(data.name, "open a store and answer the first query", "open")
        path = self.directory / "faiss"
        for _ in range(self.options.rounds):
            self.daemon.stop()
            start = time.perf_counter()
            self.daemon.start()
            with vecd.connect(self.daemon.socket) as db:
                db.search(data.name, data.queries[:1], 10)
            contest.add("vecd", time.perf_counter() - start)
            with on_core(self.core):
                start = time.perf_counter()
                faiss.read_index(str(path)).search(data.queries[:1], 10)
                contest.add("faiss", time.perf_counter() - start)

    # -- search

    def search(self, data: DataSet) -> None:
        flat, plain = FaissFlat(data.rows), NumpyFlat(data.rows)
        keys = np.load(data.ids)
        with vecd.connect(self.daemon.socket, timeout=600) as db:
            for batch in BATCHES:
                for k in DEPTHS:
                    self.search_one(data, db, flat, plain, keys, batch, k)

    def search_one(
        self, data: DataSet, db: vecd.Client, flat: FaissFlat, plain: NumpyFlat, keys: np.ndarray, batch: int, k: int
    ) -> None:
        contest = self.contest(data.name, f"search, k = {k}, {batch} at a time", "query")
        cpu = contest.notes["vecd_cpu_seconds_per_query"] = []
        pieces = [data.queries[at : at + batch] for at in range(0, len(data.queries) - batch + 1, batch)]
        ours = np.concatenate([db.search(data.name, piece, k).ids for piece in pieces[:256]])
        flat.use("own kernels")
        theirs = keys[np.concatenate([flat.search(piece, k) for piece in pieces[:256]])]
        contest.notes["same_ids_as_faiss"] = float(
            np.mean([np.isin(mine, other).mean() for mine, other in zip(ours, theirs)]))
        raw = RawLink(self.daemon.socket)
        frames = [search_frame(data.name, piece, k) for piece in pieces]
        length = raw.ask(frames[0])
        seconds = self.options.seconds

        def pick(pool: list, number: int):
            return pool[number % len(pool)]

        for number in range(self.options.rounds + 1):
            spent, calls = self.daemon.cpu_seconds(), 0
            start = time.perf_counter()
            while time.perf_counter() - start < seconds:
                raw.exchange(pick(frames, calls), length)
                calls += 1
            bare = (time.perf_counter() - start) / calls
            in_daemon = (self.daemon.cpu_seconds() - spent) / calls
            client = seconds_per_call(
                lambda i: db.search(data.name, pick(pieces, i), k, batch_queries=batch), seconds)
            with on_core(self.core):
                by_faiss = math.inf
                for way in flat.WAYS if batch > 1 else ["own kernels"]:
                    flat.use(way)
                    by_faiss = min(by_faiss, seconds_per_call(lambda i: flat.search(pick(pieces, i), k), seconds))
                by_numpy = seconds_per_call(lambda i: plain.search(pick(pieces, i), k), seconds)
            if number:  # the first round warms up
                contest.add("vecd", client / batch)
                contest.add("vecd, bare frames", bare / batch)
                contest.add("faiss", by_faiss / batch)
                contest.add("numpy", by_numpy / batch)
                cpu.append(in_daemon / batch)
        raw.close()
        speed = contest.times_faster("faiss")
        self.say(f"  {contest.name}: {1 / contest.spread('vecd').median:,.0f} queries/s, "
                 f"{speed.median:.2f} ({speed.least:.2f} to {speed.greatest:.2f}) times Faiss")

    # -- round trip

    def round_trip(self) -> None:
        """The daemon's own cost per request: a ping, and a search over so few rows that scanning hardly counts."""
        rows = np.random.default_rng(3).standard_normal((1000, 64)).astype(np.float32)
        with vecd.connect(self.daemon.socket) as db:
            db.create("tiny", 64, "ip")
            db.ingest("tiny", np.arange(1000), rows, "g")
            db.build_index("tiny", "g")
            db.publish("tiny", "g")
            data = bytes(64)
            ping = b"".join(p.request_frame(p.PingRequest(data), 2))
            self.trip("ping of 64 bytes", ping, lambda i: db.ping(data))
            query = rows[:1].copy()
            self.trip("search, k = 10, d = 64, 1,000 rows", search_frame("tiny", query, 10),
                      lambda i: db.search("tiny", query, 10))
            db.drop("tiny")

    def trip(self, name: str, frame: bytes, by_client) -> None:
        contest = self.contest("socket", name, "round trip")
        raw = RawLink(self.daemon.socket)
        length = raw.ask(frame)
        echo = Echo(self.directory, self.core, len(frame), length)
        contest.notes.update(request_bytes=len(frame), reply_bytes=length)
        calls = 3000
        for number in range(self.options.rounds + 1):
            client = median_seconds(by_client, calls)
            bare = median_seconds(lambda i: raw.exchange(frame, length), calls)
            floor = median_seconds(lambda i: echo.link.exchange(frame, length), calls)
            if number:
                contest.add("vecd", client)
                contest.add("vecd, bare frames", bare)
                contest.add("bare socket (C)", floor)
        raw.close()
        echo.close()
        self.say(f"  {name}: {1e6 * contest.spread('vecd').median:.1f} us with the client, "
                 f"{1e6 * contest.spread('vecd, bare frames').median:.1f} us bare, "
                 f"{1e6 * contest.spread('bare socket (C)').median:.1f} us to a bare C server")

    # -- all of it

    def run(self) -> dict:
        facts = machine()
        self.daemon.start()
        described = {}
        with vecd.connect(self.daemon.socket) as db:
            version = db.daemon_version
        try:
            self.say("Socket round trip")
            self.round_trip()
            for name in self.options.sets:
                data = data_set(name, self.directory)
                described[name] = data.what
                self.say(f"{name}: {data.what}")
                self.ingest(data)
                with vecd.connect(self.daemon.socket) as db:
                    db.create(name, data.rows.shape[1], data.metric)
                    db.ingest(name, np.load(data.ids), np.load(data.items, mmap_mode="r"), "g")
                    db.build_index(name, "g")
                    db.publish(name, "g")
                self.open(data)
                self.search(data)
                with vecd.connect(self.daemon.socket) as db:
                    tier = db.stats().get("kernel_tier", "unknown")
                    db.drop(name)
        finally:
            self.daemon.stop()
        return {
            "date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": facts, "rounds": self.options.rounds,
            "versions": {
                "vecd": version, "kernel_tier": tier, "faiss": faiss.__version__, "numpy": np.__version__,
                "python": sys.version.split()[0],
            },
            "sets": described, "contests": [contest.as_json() for contest in self.contests],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vecd", required=True)
    parser.add_argument("--vecctl", required=True)
    parser.add_argument("--engine-core", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=7, help="5 or more")
    parser.add_argument("--seconds", type=float, default=0.3, help="per engine, setting and round")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=["sample", "200k"])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "side-by-side")
    options = parser.parse_args()
    unknown = set(options.sets) - {"sample", "200k", "1m"}
    if options.rounds < 5 or unknown:
        parser.error("--rounds must be 5 or more, --sets some of sample,200k,1m")
    directory = Path(tempfile.mkdtemp(prefix="vecd-bench-"))
    try:
        result = Bench(options, directory).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(markdown(result))
    print(f"\nWritten: {options.out.with_suffix('.md')} and .json")


if __name__ == "__main__":
    main()
