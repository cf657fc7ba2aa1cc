"""The recall service on vecd beside the same service on Faiss and on hnswlib in process: time of its answers.

    Tools/recall/bench/run service --data clicks --models models --version dssm-a --version mind-a

All entrants are the service of Tools/recall/service with the same towers, the same Redis and the same requests; only where the
candidates come from differs. Each index is at its cheapest setting that finds the wanted share of the exact results. The
services, vecd and Redis share one core, the one that asks has another; requests by HTTP, in interleaved rounds, one at a time
and with several at once. Writes FILE with the percentiles of each round, and prints the medians.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis

import vecd
from recall import bundle as bundles
from recall.data import open_clicks
from recall.evaluate import by_exact_search, recall_of
from recall.problem import Problem
from recall.shown import say, table
from recall.store import Store
from recall.workflow import Experiment, vectors_of_bundle
from service.load import load
from service.shelf import Shelf

CHANNELS = {"dssm": "two-tower", "youtube-dnn": "two-tower", "mind": "multi-interest"}
ENTRANTS = ("vecd", "vecd, titles too", "faiss", "hnswlib")
TRIED, DEPTH = 300, 100


@dataclass
class Versions:
    """The model versions that answer, by channel, and what is known of the users."""

    models: Path
    of: dict[str, bundles.Bundle]
    experiment: Experiment
    recall: float
    settings: dict[str, str] = field(default_factory=dict)

    def collection(self, channel: str) -> str:
        return f"service-{channel}"


def publish(versions: Versions, client: vecd.Client) -> None:
    """Every version into a collection of the daemon, as train-and-publish would, without its gates."""
    experiment = versions.experiment
    for channel, bundle in versions.of.items():
        store = Store(client, versions.collection(channel))
        users, keep = vectors_of_bundle(bundle, experiment), bundle.published
        store.prepare(bundle.items.shape[1], bundle.metric)
        cards = [experiment.payloads[row] for row in np.flatnonzero(keep).tolist()]
        store.push(bundle.store_ids[keep], bundle.items[keep], bundle.version, payloads=cards)
        store.build(bundle.version, users[TRIED:], versions.recall)
        store.publish(bundle.version, None)
        truth, asked, seen = answers(versions, bundle, users)
        found = store.search(asked, DEPTH, bundle.version, seen)
        told = f"{found.index}, recall {recall_of(found.ids, truth):.3f}"
        versions.settings[f"vecd {channel}"] = told
        say(f"vecd {channel}: {told}")


def answers(versions: Versions, bundle: bundles.Bundle, users: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The exact results of the first users, their vectors, and the store ids of what they have seen."""
    rows = versions.experiment.seen[:TRIED]
    truth = by_exact_search(
        bundle.items, bundle.published, bundle.store_ids, users[:TRIED], rows, DEPTH, bundle.metric)
    return truth, users[:TRIED], [bundle.store_ids[seen] for seen in rows]


def serve(versions: Versions, entrant: str, socket: str, redis_url: str, port: int) -> None:
    """The service of one entrant, until it is killed. In a process of its own."""
    import uvicorn

    from in_process import SETTINGS, cheapest
    from service.app import make_app
    from service.recommender import Settings

    channels = {channel: versions.collection(channel) for channel in versions.of}
    settings = Settings(versions.models, socket, redis_url, channels, poll_seconds=3600,
                        titles="vecd" if entrant == "vecd, titles too" else "redis")
    if entrant not in SETTINGS:
        return uvicorn.run(make_app(settings), port=port, log_level="error")
    stores = {}
    for channel, bundle in versions.of.items():
        truth, asked, seen = answers(versions, bundle, vectors_of_bundle(bundle, versions.experiment))
        store = cheapest(entrant, bundle, asked, seen, truth, versions.recall)
        if store is None:
            raise Problem(f"{entrant} reaches recall {versions.recall} of {bundle.version} at no setting")
        found = np.concatenate([store.search(u[None], DEPTH, bundle.version, [s]).ids for u, s in zip(asked, seen)])
        say(f"{entrant} {channel}: {store.setting}, recall {recall_of(found, truth):.3f}")
        stores[versions.collection(channel)] = store
    uvicorn.run(make_app(settings, stores.__getitem__), port=port, log_level="error")


def ask(port: int, users: list[str]) -> list[float]:
    """Seconds of each request, one after the other on one connection."""
    spent, connection = [], http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for user in users:
        body = json.dumps({"user": user, "k": DEPTH})
        begun = time.perf_counter()
        connection.request("POST", "/recommend", body)
        answer = connection.getresponse()
        content = answer.read()
        spent.append(time.perf_counter() - begun)
        if answer.status != 200 or len(json.loads(content)["items"]) != DEPTH:
            raise Problem(f"port {port} answered {answer.status}: {content[:300]!r}")
    connection.close()
    return spent


def ask_at_once(port: int, users: list[str], callers: int) -> list[float]:
    if callers == 1:
        return ask(port, users)
    with ThreadPoolExecutor(callers) as pool:
        return [one for part in pool.map(lambda part: ask(port, part), [users[n::callers] for n in range(callers)]) for one in part]


def measure(ports: dict[str, int], users: list[str], rounds: int, requests: int) -> list[dict[str, Any]]:
    """Of each round, number of callers and entrant: median and p99, milliseconds."""
    rng, out = np.random.default_rng(1), []
    for entrant, port in ports.items():
        ask(port, users[:200])  # warm
    for number in range(rounds):
        asked = [users[row] for row in rng.integers(0, len(users), requests)]
        for callers in (1, 4):
            order = list(ports)[number % len(ports):] + list(ports)[: number % len(ports)]
            for entrant in order:
                spent = np.array(ask_at_once(ports[entrant], asked, callers)) * 1000
                out.append({"round": number, "callers": callers, "entrant": entrant, "p50": round(float(np.median(spent)), 4),
                            "p99": round(float(np.percentile(spent, 99)), 4)})
        say(f"round {number + 1} of {rounds}")
    return out


def medians(measured: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """By callers and entrant: p50 and p99 in times of vecd's in the same round; median, least, greatest."""
    out: dict[str, dict[str, dict[str, float]]] = {}
    for callers in sorted({row["callers"] for row in measured}):
        rows = [row for row in measured if row["callers"] == callers]
        mine = {row["round"]: row for row in rows if row["entrant"] == "vecd"}
        for entrant in dict.fromkeys(row["entrant"] for row in rows):
            there = [row for row in rows if row["entrant"] == entrant]
            of_entrant: dict[str, Any] = {}
            for what in ("p50", "p99"):
                ratios = [row[what] / mine[row["round"]][what] for row in there]
                of_entrant[what] = {"median": round(float(np.median(ratios)), 3), "least": round(min(ratios), 3),
                                    "greatest": round(max(ratios), 3)}
            out.setdefault(str(callers), {})[entrant] = of_entrant
    return out


@contextlib.contextmanager
def running(*words: str, core: int | None, log: Path) -> Iterator[subprocess.Popen]:
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    with open(log, "ab") as out:
        process = subprocess.Popen([*pinned, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def until(ready, process: subprocess.Popen, log: Path, seconds: float = 900) -> None:
    """Waits for something that raises until it works."""
    limit = time.monotonic() + seconds
    while True:
        try:
            return ready()
        except (vecd.VecdError, redis.RedisError, OSError):
            if process.poll() is not None or time.monotonic() > limit:
                raise Problem(f"did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.1)


def hello(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/health")
    if connection.getresponse().status != 200:
        raise OSError("not ready")


def arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="run service", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", required=True, help="the log that the models were trained on")
    made.add_argument("--models", type=Path, required=True, help="folder of model versions")
    made.add_argument("--version", action="append", required=True, help="of that folder; at most one a channel")
    made.add_argument("--recall", type=float, default=0.95)
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--requests", type=int, default=500, help="of each entrant in each round")
    made.add_argument("--entrants", default=";".join(ENTRANTS), help="with semicolons between")
    made.add_argument("--out", type=Path, default=Path("service.json"))
    made.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)  # entrant, socket, redis, port
    return made.parse_args()


def chosen(given: argparse.Namespace) -> dict[str, bundles.Bundle]:
    """The versions by channel."""
    of: dict[str, bundles.Bundle] = {}
    for version in given.version:
        bundle = bundles.load(given.models / version)
        channel = CHANNELS[bundle.about["model"]]
        if channel in of:
            raise Problem(f"{of[channel].version} and {version} are both of the channel {channel}; give one of them")
        of[channel] = bundle
    return of


def main() -> None:
    try:
        bench(arguments())
    except Problem as error:
        raise SystemExit(f"run service: error: {error}") from None


def bench(given: argparse.Namespace) -> None:
    versions = Versions(given.models, chosen(given), Experiment.of(open_clicks(given.data), 2000), given.recall)
    if given.serve:
        entrant, socket, redis_url, port = given.serve
        return serve(versions, entrant, socket, redis_url, int(port))
    folder = Path(tempfile.mkdtemp(prefix="recall-service-"))
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Problem("one core is not enough: the services need one, the one that asks them another")
    os.sched_setaffinity(0, {cores[1]})
    try:
        with contextlib.ExitStack() as stack:
            result = contest(given, versions, folder, cores[0], stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n")
    rows = [["", "p50 in times of vecd's", "p99 in times of vecd's"]]
    for callers, of_callers in result["ratios"].items():
        for entrant, of_entrant in of_callers.items():
            cells = [f"{one['median']:.2f} ({one['least']:.2f} to {one['greatest']:.2f})" for one in of_entrant.values()]
            rows.append([f"{entrant}, {callers} at once", *cells])
    print(table(rows))


def contest(
    given: argparse.Namespace, versions: Versions, folder: Path, core: int, stack: contextlib.ExitStack
) -> dict[str, Any]:
    socket, log = str(folder / "vecd.sock"), folder / "log"
    words = [os.environ.get("VECD_BIN", "vecd"), "serve", "--store", str(folder / "store"), "--socket", socket]
    daemon = stack.enter_context(running(*words, core=core, log=log))
    until(lambda: vecd.connect(socket, timeout=5).close(), daemon, log)
    with vecd.connect(socket, timeout=600) as client:
        publish(versions, client)
    address = f"unix://{folder}/redis.sock"
    shelf = stack.enter_context(running("redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--save", "",
                                        "--appendonly", "no", "--dir", str(folder), core=core, log=log))
    until(lambda: redis.Redis.from_url(address).ping(), shelf, log)
    load(Shelf(address, timeout=30), versions.experiment.clicks)
    ports = {}
    for number, entrant in enumerate(given.entrants.split(";")):
        ports[entrant], mine = 18400 + number, folder / f"service-{number}"
        words = [sys.executable, __file__, *sys.argv[1:], "--serve", entrant, socket, address, str(ports[entrant])]
        process = stack.enter_context(running(*words, core=core, log=mine))
        until(lambda: hello(ports[entrant]), process, mine)
        for line in mine.read_text().splitlines():
            say(line)
            name, _, told = line.partition(": ")
            versions.settings[name] = told
    users = versions.experiment.split.train.user_ids[versions.experiment.split.users].astype(str).tolist()
    measured = measure(ports, users, given.rounds, given.requests)
    about = {one: bundle.about["model"] for one, bundle in versions.of.items()}
    return {"items": len(versions.experiment.store_ids), "channels": about, "recall": given.recall, "k": DEPTH,
            "requests": given.requests, "settings": versions.settings, "ratios": medians(measured), "rounds": measured}


if __name__ == "__main__":
    main()
