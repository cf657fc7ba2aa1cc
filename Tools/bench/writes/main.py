"""Runs the parts and writes their numbers to docs/benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import churn
import latency
import switch
import throughput
from daemon import ROOT

PARTS = ("throughput", "latency", "churn", "switch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--vecd", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rows", type=int, default=200_000, help="of latency and churn")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), help="on the disk that is measured")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    for part in given.parts:
        before = os.getloadavg()[0]
        if part == "throughput":
            found = throughput.run(given.vecd, given.dir, given.rounds, given.seconds)
        elif part == "latency":
            found = latency.run(given.vecd, given.dir, given.rounds, given.seconds, given.rows)
        elif part == "switch":
            found = switch.run(given.vecd, given.dir, given.rounds, given.seconds, given.rows)
        else:
            found = churn.run(given.vecd, given.dir, given.rounds, given.rows)
        found["load_before"] = before
        (given.out / f"writes-{part}.json").write_text(json.dumps(found, indent=1) + "\n")
        print(json.dumps(found.get("ratio") or found.get("p99_ratio") or found.get("indexes"), indent=1))


if __name__ == "__main__":
    main()
