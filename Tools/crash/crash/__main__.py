"""The command line: Tools/crash/run METHOD [options]. Seeds are printed; the status is 1 if something was found."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from .controls import CONTROLS, no_database_sync
from .copies import sweep_copies
from .crowd import crowd_cycles
from .discipline import breaches, renames
from .explore import Findings, explore
from .inject import sweep
from .kill import Kills, kill_at_every_call, kill_cycles
from .nested import Plan, nest
from .power import power_cuts
from .programs import Missing
from .record import Recording, record
from .scrub import sweep as sweep_scrub
from .short import sweep_short
from .sizes import ENOUGH, sizes
from .states import Policy
from .chance import random_steps


def _recordings(options: argparse.Namespace) -> list[tuple[int, Recording]]:
    made = []
    for number in range(options.recordings):
        seed = options.seed + number
        steps = random_steps(seed, options.steps)
        third = max(1, options.steps // 3)
        # One life ends by kill -9, one as it should.
        made.append((seed, record(steps, {third: 9, 2 * third: 15} if options.steps >= 3 else {})))
    return made


def _tell(title: str, found: Findings) -> None:
    print(f"{title}: {found.line}", flush=True)
    for violation in found.violations[:5]:
        print(f"  {violation}")
    for kind, count in sorted(found.outcomes.items(), key=lambda entry: -entry[1])[:8]:
        print(f"  {count} x {kind}")


def run_explore(options: argparse.Namespace) -> int:
    policy = Policy(options.variants, not options.any_order)
    total = 0
    for seed, recording in _recordings(options):
        print(f"seed {seed}: {len(recording.ops)} operations of {len(recording.steps)} steps", flush=True)
        disorder = breaches(recording)
        print(f"syncs about {len(renames(recording))} renames: {len(disorder)} out of order", *disorder[:5], sep="\n  ")
        total += len(disorder)
        found = explore(recording, policy, seed, options.workers, options.nested)
        _tell("power cuts", found)
        total += found.count
        if options.nested:
            plan = Plan(options.depth, policy=replace(policy, variants=8))
            for depth, findings in sorted(nest(found.sample, recording, plan, seed, options.workers).items()):
                _tell(f"power cuts of the recovery, {depth} deep", findings)
                total += findings.count
    return total


def run_controls(options: argparse.Namespace) -> int:
    """Every planted bug must be found; one that is not is what this method finds."""
    missed = 0
    for seed, recording in _recordings(options):
        policy = Policy(min(options.variants, 16), not options.any_order)
        for name, plant in CONTROLS.items():
            found = explore(plant(recording), policy, seed, options.workers)
            print(f"seed {seed}, {name}: {'found' if found.count else 'MISSED'}, {found.line}", flush=True)
            missed += not found.count
        sample = explore(recording, policy, seed, options.workers, 30).sample
        found = nest(sample, recording, Plan(1, 0, plant=no_database_sync), seed, options.workers)[1]
        print(f"seed {seed}, recovery that syncs no database: {'found' if found.count else 'MISSED'}, {found.line}", flush=True)
        missed += not found.count
    return missed


def run_kill(options: argparse.Namespace) -> int:
    found = kill_cycles(options.cycles, options.seed, writes=120)
    print(f"seed {options.seed}: {found.line}", flush=True)
    calls = kill_at_every_call(options.stride) if options.stride else Kills()
    if options.stride:
        print(f"at calls: {calls.line}")
    crowd = crowd_cycles(options.crowds, options.seed, options.clients)
    print(f"several clients: {crowd.line}")
    return _list(found.problems + calls.problems + crowd.problems)


def run_power(options: argparse.Namespace) -> int:
    found = power_cuts(options.cuts, options.seed)
    print(f"seed {options.seed}: {found.line}")
    return _list(found.problems)


def run_inject(options: argparse.Namespace) -> int:
    found = sweep(options.stride, options.calls.split(",") if options.calls else None, options.most, options.workers)
    print(f"the daemon: {found.line}", flush=True)
    problems = found.problems
    if not options.calls:
        for title, method in (
            ("snapshot, restore, repair", sweep_copies), ("the scrub", sweep_scrub), ("short reads and writes", sweep_short),
        ):
            found = method(options.stride, options.workers)
            print(f"{title}: {found.line}", flush=True)
            problems += found.problems
    return _list(problems)


def run_sizes(options: argparse.Namespace) -> int:
    found = sizes(options.count, options.first, options.last, options.workers)
    print(found.line)
    return _list(found.problems)


def _list(problems: list[str]) -> int:
    for problem in problems[:100]:
        print(f"  {problem}")
    return len(problems)


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tools/crash/run", description="Breaks vecd in every way it must survive.")
    methods = parser.add_subparsers(dest="method", required=True)

    def method(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = methods.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--seed", type=int, default=20_261_128)
        sub.add_argument("--workers", type=int, default=2)
        return sub

    for name, run, text in (
        ("explore", run_explore, "power cuts at every moment of recorded runs, all states a disk may be left in"),
        ("controls", run_controls, "the same with planted bugs, which must be found"),
    ):
        sub = method(name, run, text)
        sub.add_argument("--recordings", type=int, default=3 if name == "explore" else 1)
        sub.add_argument("--steps", type=int, default=40 if name == "explore" else 24)
        sub.add_argument("--variants", type=int, default=60, help="states tried at one moment, about")
        sub.add_argument("--any-order", action="store_true", help="names reach the disk in any order, as on no journalled system")
        sub.add_argument("--nested", type=int, default=40, help="recoveries that are recorded and cut short too")
        sub.add_argument("--depth", type=int, default=3, help="how many recoveries in a row are cut short")

    sub = method("kill", run_kill, "kill -9 at random moments, then at calls of the daemon's threads and of its recovery")
    sub.add_argument("--cycles", type=int, default=500)
    sub.add_argument("--stride", type=int, default=1, help="every n-th call of each kind; 0 for none")
    sub.add_argument("--crowds", type=int, default=100, help="kills under several clients that write to one collection")
    sub.add_argument("--clients", type=int, default=4, help="how many clients those are")

    sub = method("power", run_power, "power cuts of a file system on a loop device; needs root")
    sub.add_argument("--cuts", type=int, default=200)

    sub = method("inject", run_inject, "system calls that fail, once and from then on")
    sub.add_argument("--stride", type=int, default=1, help="every n-th call of each kind")
    sub.add_argument("--calls", help="these alone, as pwrite64,fsync")
    sub.add_argument("--most", type=int, default=400, help="calls of one kind")

    sub = method("sizes", run_sizes, "disks that are full at every page; needs root")
    sub.add_argument("--count", type=int, default=ENOUGH - 1)
    sub.add_argument("--first", type=int, default=2, help="pages of the smallest")
    sub.add_argument("--last", type=int, default=ENOUGH, help="pages of the largest")

    options = parser.parse_args()
    try:
        found = options.run(options)
    except Missing as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 69
    print(f"{options.method}: {'nothing found' if not found else f'{found} findings'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
