"""One peer in a process of its own, so that its memory, its threads and its crashes are its own.

    worker.py PEER ITEMS.npy QUERIES.npy METRIC CORE [HELD.npy]

reads commands from standard input and answers each with one JSON line: `ready`, `build`, `settings K`, `run K SETTING BATCH`,
`ids PATH` (writes those of the last run). vecbench speaks the same, so vecd takes part like a peer.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    name, items_path, queries_path, metric, core = sys.argv[1:6]
    os.sched_setaffinity(0, {int(core)})
    import numpy as np

    from adapters import PEERS

    peer = PEERS[name][0]()
    if len(sys.argv) > 6:
        peer.held = np.load(sys.argv[6])
    items, queries = np.load(items_path, mmap_mode="r"), np.load(queries_path)
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries print
    last = np.empty((0, 0), dtype=np.int64)
    for line in sys.stdin:
        verb, *rest = line.split()
        start = time.perf_counter()
        if verb == "ready":
            answer = {}
        elif verb == "build":
            peer.build(np.array(items, dtype=np.float32), metric)  # a copy: not every library takes a mapped array
            answer = {"seconds": time.perf_counter() - start, "about": peer.about}
        elif verb == "settings":
            answer = {"settings": peer.settings(int(rest[0]))}
        elif verb == "run":
            k, setting, batch = map(int, rest)
            parts = [peer.search(queries[at : at + batch], k, setting) for at in range(0, len(queries), batch)]
            seconds = time.perf_counter() - start
            last = np.concatenate(parts)
            answer = {"seconds": seconds, "queries": len(queries)}
        elif verb == "ids":
            np.save(rest[0], last)
            answer = {}
        else:
            raise SystemExit(f"unknown command {line!r}")
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
