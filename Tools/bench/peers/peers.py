"""vecd beside its peers at equal recall. `run` next to this file installs the peers and calls it."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import datasets
from adapters import PEERS, graph_settings, list_settings
from contest import TARGETS, Entry, Worker, ratio, rounds, sweep, worker_command
from report import markdown, plots
from exact import recall_of, truth_of


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="reddit-50k,towers-ip-200k-64", help="data sets, see datasets.py")
    parser.add_argument("--peers", default=",".join(PEERS), help="peers, by name")
    parser.add_argument("--vecd", default="flat,ivf,hnsw,auto", help="vecd's indexes that take part")
    parser.add_argument("--k", default="10,100,500")
    parser.add_argument("--batch", default="256,1", help="queries per call")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1, help="everything runs on this core")
    parser.add_argument("--build-limit", type=float, default=900, help="seconds after which a peer's build is given up")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "vecd-bench")
    parser.add_argument("--dssm", help="folder with items.f16.npy and queries.npy for reddit-500k")
    parser.add_argument("--add", action="store_true", help="keep the other sets that --out has already")
    parser.add_argument("--vecbench", required=True)
    parser.add_argument("--out", type=Path, required=True, help="prefix of the .json, .md and .svg files")
    return parser.parse_args()


def vecd_entries(data: datasets.Data, vecbench: str, core: int, names: list[str]) -> list[Entry]:
    command = ["taskset", "-c", str(core), vecbench, str(data.items_path), str(data.queries_path), data.metric, "1"]
    if data.held_path:
        command.append(f"held={data.held_path}")
    about = {
        "flat": "exact", "ivf": "4 sqrt(n) lists", "hnsw": "M 16, efConstruction 128",
        "auto": "ivf and hnsw, calibrated with " + ("queries that are not asked" if data.held_path else "made queries")}
    entries = []
    for index in names:
        worker = Worker(f"vecd {index}", command)
        built, memory = worker.build(f"build {index}")
        say(f"  vecd {index}: built in {built['seconds']:.1f} s, {memory / 2**20:.0f} MiB")
        entries.append(Entry(f"vecd {index}", worker, index, about[index], built["seconds"], memory))
    return entries


def vecd_settings(index: str, rows: int, k: int) -> list[int]:
    """Of auto: recall targets in thousandths."""
    return {
        "flat": [1], "ivf": list_settings(int(4 * rows**0.5)), "hnsw": graph_settings(k),
        "auto": [round(1000 * target) for target in TARGETS] + [995]}[index]


def peer_entries(
    data: datasets.Data, names: list[str], core: int, limit: float, missing: dict[str, str]
) -> list[Entry]:
    entries = []
    for name in names:
        worker = Worker(name, worker_command(name, data.items_path, data.queries_path, data.held_path, data.metric, core))
        try:
            built, memory = worker.build("build", seconds=limit)
        except RuntimeError as error:
            missing[f"{name} on {data.name}"] = str(error)
            say(f"  {name}: {error}")
            continue
        say(f"  {name}: built in {built['seconds']:.1f} s ({built['about']})")
        entries.append(Entry(name, worker, "", built["about"], built["seconds"], memory))
    return entries


def contest(data: datasets.Data, args: argparse.Namespace, missing: dict[str, str], save: Callable[[dict], None]) -> None:
    """Measures a set, and saves after every k what is known by then: hours of work must not hang on the last minute."""
    load = round(os.getloadavg()[0], 2)
    truth = truth_of(data.items, data.queries, data.metric, args.cache)

    def recall(found: np.ndarray, k: int) -> float:
        return recall_of(found, truth, k, data.items, data.queries, data.metric)

    entries = vecd_entries(data, args.vecbench, args.core, args.vecd.split(","))
    entries += peer_entries(data, [name for name in args.peers.split(",") if name], args.core, args.build_limit, missing)
    results: list[dict] = []
    for batch in (int(batch) for batch in args.batch.split(",")):
        for k in (int(k) for k in args.k.split(",")):
            sweep_all(entries, data, k, batch, recall, missing)
            alive = [entry for entry in entries if (k, batch) in entry.sweep]
            for target in TARGETS:
                found = rounds(alive, k, batch, target, args.rounds)
                results.append({"k": k, "batch": batch, "target": target, "entries": found, "ratio": ratio(found)})
            save(facts(data, load, entries, results))
    for entry in entries:
        entry.worker.close()


def sweep_all(
    entries: list[Entry], data: datasets.Data, k: int, batch: int, recall: Callable[[np.ndarray, int], float],
    missing: dict[str, str],
) -> None:
    for entry in entries:
        try:
            if entry.index:
                settings = vecd_settings(entry.index, len(data.items), k)
            else:
                settings = entry.worker.ask(f"settings {k}")["settings"]
            sweep(entry, k, batch, settings, recall, say)
        except RuntimeError as error:
            missing[f"{entry.name} on {data.name} at k = {k}"] = str(error)


def facts(data: datasets.Data, load: float, entries: list[Entry], results: list[dict]) -> dict:
    return {
        **data.facts,
        "date": datetime.date.today().isoformat(), "load_average_before": load,
        "built": [
            {"name": e.name, "about": e.about, "build_seconds": e.build_seconds, "bytes": e.bytes} for e in entries],
        "sweeps": [
            {"name": e.name, "k": k, "batch": batch, "points": points}
            for e in entries for (k, batch), points in e.sweep.items()],
        "results": results,
    }


def versions() -> dict[str, str]:
    found = {}
    for package in sorted({package for _, package in PEERS.values()} | {"numpy"}):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    args = options()
    unknown = [name for name in args.peers.split(",") if name and name not in PEERS]
    if unknown:
        raise SystemExit(f"error: no peer is named {unknown[0]!r}; there are {', '.join(PEERS)}")
    found = versions()
    missing = {
        name: f"package {package} is not installed" for name, (_, package) in PEERS.items() if found[package] == "missing"}
    args.peers = ",".join(name for name in args.peers.split(",") if name and name not in missing)
    result = {
        "cpu": cpu(), "cores": os.cpu_count(), "rounds": args.rounds, "versions": found, "missing": missing, "sets": [],
    }
    if args.add and args.out.with_suffix(".json").exists():
        before = json.loads(args.out.with_suffix(".json").read_text())
        result["sets"] = [one for one in before["sets"] if one["name"] not in args.sets.split(",")]
        missing.update(before["missing"])
    for name in args.sets.split(","):
        data = datasets.load(name, args.queries, args.cache, args.dssm)
        say(f"{name}: {len(data.items):,} x {data.items.shape[1]}, {data.metric}")
        others = result["sets"]

        def save(measured: dict) -> None:
            result["sets"] = [*others, measured]
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
            args.out.with_suffix(".md").write_text(markdown(result))
            plots(result, args.out)

        contest(data, args, missing, save)
    say(f"Written: {args.out}.md, .json and .svg")


if __name__ == "__main__":
    main()
