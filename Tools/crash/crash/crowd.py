"""kill -9 under several clients that write to one collection at once, with seals and compactions in between.

Each client has ids of its own and writes ids that all share. After a kill its own ids must be as after a prefix of its writes,
which holds all that were acknowledged; a shared id as after the acknowledged write to it with the greatest sequence number,
or after one whose outcome nobody was told. Sequence numbers grow, none is given twice, none that was shown is taken back.
"""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from dataclasses import dataclass, field

import numpy as np

import vecd

from .kill import Kills, kill_later
from .life import LOST
from .programs import Daemon, Died, observe, scratch
from .steps import ATTRIBUTES, DIMENSION, payloads
from .writes import Delete, Upsert, Write

NAME = "crowd"
MODEL = "crowd@1"  # that every upsert states
SHARED = tuple(range(1, 13))
OWN = 40  # ids of each client
TOGETHER = 8  # writes that a client has under way, at most
Rows = dict[int, bytes]


@dataclass
class Writer:
    """One client: what of its own ids is known, and what it did in this life."""

    number: int
    known: Rows = field(default_factory=dict)
    sent: list[Write] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)  # of the first ones of `sent`, which were acknowledged
    problem: str | None = None

    @property
    def ids(self) -> range:
        return range(1000 * self.number, 1000 * self.number + OWN)

    def own(self, rows: Rows) -> Rows:
        return {key: row for key, row in rows.items() if key in self.ids}

    def work(self, socket: str, rng: random.Random) -> None:
        rows, link = dict(self.known), None
        try:
            client = vecd.connect(socket, timeout=20)
            link = client._connection()
            while True:
                bunch = []
                for _ in range(rng.randint(1, TOGETHER)):
                    write = self._write(rng, rows)
                    bunch.append((write, link.send(write.message(), 20), self._existing(write, rows)))
                    self.sent.append(write)
                    rows = self.own(write.written(rows))
                for write, request, existing in bunch:
                    reply = link.wait(request, 20)
                    self.sequences.append(reply.sequence)
                    if existing is not None and reply.existing != existing:
                        self.problem = f"{write} met {reply.existing} of its ids, {existing} were there"
        except vecd.VecdError as error:
            if error.code not in LOST:
                self.problem = f"client {self.number}: {error}"
        finally:
            if link:
                link.close()

    def _write(self, rng: random.Random, rows: Rows) -> Write:
        shared = tuple(rng.sample(SHARED, rng.randint(1, 3))) if rng.random() < 0.4 else ()
        there = sorted(rows)
        if there and rng.random() < 0.4:
            return Delete(NAME, (*rng.sample(there, min(len(there), rng.randint(1, 3))), *shared), rng.getrandbits(62))
        return Upsert(NAME, (*rng.sample(self.ids, rng.randint(1, 4)), *shared), rng.getrandbits(62), None, MODEL)

    def _existing(self, write: Write, rows: Rows) -> int | None:
        """How many of its ids are there when it comes; None where others may have a say."""
        return None if set(write.ids) & set(SHARED) else len(rows.keys() & set(write.ids))

    def settle(self, found: Rows) -> tuple[str | None, list[Write]]:
        """Holds what was found against the prefixes; returns what is wrong, and the writes that may have happened unseen."""
        rows, fits, count = self.known, [], len(self.sequences)
        for number in range(len(self.sent) + 1):
            if number >= count and rows == self.own(found):
                fits.append(number)
            rows = self.own(self.sent[number].written(rows)) if number < len(self.sent) else rows
        perhaps = self.sent[count : fits[-1]] if fits else []
        problem = None if fits else (
            f"client {self.number}: its ids are as after no prefix of {len(self.sent)} writes that holds the {count} acknowledged"
        )
        self.known, self.sent, self.sequences = self.own(found), [], []
        return problem, perhaps


def _effect(write: Write, key: int) -> bytes | None:
    return write.written({}).get(key) if isinstance(write, Upsert) else None


def complaint(writers: list[Writer], shared: Rows, found: Rows, sequence: int) -> str | None:
    """What is wrong with the rows of a new life. shared: the shared ids before the last one."""
    acknowledged = [pair for writer in writers for pair in zip(writer.sequences, writer.sent)]
    ordered = sorted(acknowledged, key=lambda pair: pair[0])
    numbers = [number for number, _ in ordered]
    if len(set(numbers)) != len(numbers) or any(w.sequences != sorted(w.sequences) for w in writers):
        return f"sequence numbers are given twice or not in the order of a client's writes: {numbers}"
    if numbers and sequence < numbers[-1]:
        return f"the collection is at sequence {sequence}, {numbers[-1]} was acknowledged"
    perhaps: list[Write] = []
    for writer in writers:
        problem, more = writer.settle(found)
        if problem:
            return problem
        perhaps += more
    for key in SHARED:
        last = next((_effect(write, key) for _, write in reversed(ordered) if key in write.ids), shared.get(key))
        allowed = [last, *(_effect(write, key) for write in perhaps if key in write.ids)]
        if found.get(key) not in allowed:
            return f"shared id {key} is as no write left it that may be the last"
    return None


def _rows(client: vecd.Client, writers: list[Writer]) -> Rows:
    ids = [*SHARED, *(key for writer in writers for key in writer.ids)]
    got = client.get(NAME, ids)
    return {key: vector.tobytes() for key, vector, is_there in zip(ids, got.vectors, got.found) if is_there}


def _upkeep(socket: str, rng: random.Random) -> None:
    """Seals and compacts until the connection is lost."""
    try:
        client = vecd.connect(socket, timeout=20)
        label = client.collections()[0].live_generation
        while True:
            time.sleep(rng.uniform(0, 0.02))
            (client.seal if rng.random() < 0.7 else client.compact)(NAME, label)
    except vecd.VecdError:
        pass


def crowd_cycles(cycles: int, seed: int, clients: int = 4, forget: bool = False) -> Kills:
    """forget: a planted bug: after each kill the store is what it was when the daemon started."""
    rng, found, shared = random.Random(seed), Kills(), {}
    writers = [Writer(number) for number in range(1, clients + 1)]
    begin = time.monotonic()
    with scratch() as side:
        daemon = Daemon(side / "store", side)
        client = daemon.start()
        client.create(NAME, DIMENSION, "l2", ATTRIBUTES)
        first = np.ones((1, DIMENSION), dtype=np.float32)
        client.upsert(NAME, [SHARED[0]], first, attributes=[{"id": SHARED[0]}], payloads=payloads(first), model=MODEL)
        shared = _rows(client, writers)
        client.close()
        daemon.end(signal.SIGTERM)
        while found.cycles < cycles and not found.problems:
            found.cycles += 1
            try:
                client = daemon.start()
                rows, answer = _rows(client, writers), observe(client)
                (collection,) = answer["collections"] if "error" not in answer else [{"sequence": 0, "generations": []}]
                problem = answer.get("error") or collection["fence"] or complaint(writers, shared, rows, collection["sequence"])
                if problem is None and sum(g["found"] for g in collection["generations"]) != len(rows):
                    problem = "a search finds other rows than a get"
                if problem is None and (models := [g["model"] for g in collection["generations"]]) != [MODEL]:
                    problem = f"the generation carries {models}, its upserts state {MODEL}"
            except (Died, vecd.VecdError) as error:
                problem = str(error)
            problem = problem or next((writer.problem for writer in writers if writer.problem), None)
            if problem:
                found.problems.append(f"seed {seed}, kill {found.cycles}: {problem}")
                break
            client.close()
            shared = {key: row for key, row in rows.items() if key in SHARED}
            if forget:
                shutil.rmtree(side / "old", ignore_errors=True)
                shutil.copytree(daemon.store, side / "old")
            jobs = [(writer.work, random.Random(rng.random())) for writer in writers]
            jobs.append((_upkeep, random.Random(rng.random())))
            threads = [threading.Thread(target=job, args=(daemon.socket, chance)) for job, chance in jobs]
            killer = kill_later(daemon.pid, rng.uniform(0.01, 0.2))
            for thread in threads:
                thread.start()
            for thread in [*threads, killer]:
                thread.join()
            daemon.end()
            for writer in writers:
                found.acknowledged += len(writer.sequences)
                found.hits["while several wait"] += len(writer.sent) > len(writer.sequences)
            if forget:
                shutil.rmtree(daemon.store)
                (side / "old").rename(daemon.store)
        daemon.end()
    found.writes = found.acknowledged
    found.seconds = time.monotonic() - begin
    return found
