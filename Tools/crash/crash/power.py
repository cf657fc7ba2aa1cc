"""Real power cuts, as near as one machine comes: a journalled file system on a loop device, shut down under the daemon.

EXT4_IOC_SHUTDOWN with NOLOGFLUSH drops what is in memory and not in the journal, at once, as a power cut does. What the
explorer only models (which writes reach the disk, which names) is ext4's own doing here. It stops the file system, not the
cache of a device. Syncs that are under way when it comes may be answered as done, so only acknowledgements received before
the call count.
"""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import vecd

from .life import Life
from .programs import Daemon, Died, Missing, observe, scratch, tool
from .chance import random_step
from .steps import Step

EXT4_IOC_SHUTDOWN = 0x8004_587D
NOLOGFLUSH = (2).to_bytes(4, "little")
IMAGE_BYTES = 64 << 20

# Every sync is answered as done and not done: what a disk, or a program, does that lies.
NO_SYNCS = ["-f", "-qq", "-e", "signal=none", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
            "-e", "inject=fsync,fdatasync:retval=0"]


@dataclass
class PowerCuts:
    cuts: int = 0
    acknowledged: int = 0
    late: int = 0  # answered after the cut
    early: int = 0  # cuts of a start
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def line(self) -> str:
        return (
            f"{self.cuts} power cuts ({self.early} while starting), {self.acknowledged} steps acknowledged before them, "
            f"{self.late} after, {len(self.problems)} violations, {self.seconds:.1f} s"
        )


class LoopDisk:
    """A small ext4 in a file in memory, mounted at `place`."""

    def __init__(self, folder: Path) -> None:
        self.image, self.place = folder / "disk.img", folder / "mnt"
        self.place.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        self._run(tool("mkfs.ext4"), "-q", "-F", str(self.image))

    @staticmethod
    def _run(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Missing(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")

    def mount(self) -> None:
        self._run(tool("mount"), "-o", "loop", str(self.image), str(self.place))

    def unmount(self) -> None:
        for _ in range(200):
            done = subprocess.run([tool("umount"), str(self.place)], capture_output=True, text=True)
            if done.returncode == 0 or "not mounted" in done.stderr:
                return
            time.sleep(0.01)  # the daemon is just letting go
        raise RuntimeError(f"cannot unmount {self.place}: {done.stderr.strip()}")

    def cut(self) -> float:
        """Takes the power away; when that began."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            moment = time.monotonic()
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, NOLOGFLUSH)
            return moment
        finally:
            os.close(descriptor)


@contextmanager
def loop_disk() -> Iterator[tuple[LoopDisk, Path]]:
    if os.geteuid() != 0:
        raise Missing("power cuts need root, for loop devices and mounts")
    with scratch() as side:
        disk = LoopDisk(side)
        disk.mount()
        try:
            yield disk, side
        finally:
            disk.unmount()


def power_cuts(cuts: int, seed: int, early: float = 0.15, prefix: list[str] | None = None) -> PowerCuts:
    """Cuts the power of a working daemon again and again. prefix: runs the daemon, for a planted bug."""
    rng, found, life, number = random.Random(seed), PowerCuts(), Life(), 0
    begin = time.monotonic()
    with loop_disk() as (disk, side):
        daemon = Daemon(disk.place / "store", side)
        try:
            while found.cuts < cuts and not found.problems:
                found.cuts += 1
                daemon.spawn(prefix)
                if rng.random() < early:
                    time.sleep(rng.uniform(0, 0.05))
                    disk.cut()
                    found.early += 1
                else:
                    try:
                        client = daemon.wait()
                        problem = life.settle(observe(client))
                    except (Died, vecd.VecdError) as error:
                        problem = str(error)
                    if problem:
                        found.problems.append(f"seed {seed}, cut {found.cuts}: {problem}")
                        break
                    number = _work_until_cut(life, client, disk, rng, number, found)
                daemon.end()
                disk.unmount()
                disk.mount()
        finally:
            daemon.end()
    found.seconds = time.monotonic() - begin
    return found


def _work_until_cut(
    life: Life, client: vecd.Client, disk: LoopDisk, rng: random.Random, number: int, found: PowerCuts
) -> int:
    moments: list[float] = []
    failed: list[Step] = []

    def cut() -> None:
        time.sleep(delay)
        moments.append(disk.cut())

    delay = rng.uniform(0, 0.15)
    thread = threading.Thread(target=cut)
    thread.start()
    done: list[tuple[Step, float]] = []  # answered, and when
    while not (moments and len(done) > 200):
        number += 1
        state = life.known
        for step, _ in done:
            state = step.change(state)
        step = random_step(state, rng, number)
        try:
            step.run(client)
        except vecd.VecdError:
            failed = [step]
            break
        done.append((step, time.monotonic()))
    thread.join()
    for answered, at in done:
        if at < moments[0]:
            life.known = answered.change(life.known)
            found.acknowledged += 1
        else:
            life.unknown.append(answered)
            found.late += 1
    life.unknown += failed
    client.close()
    return number


def why_not() -> str | None:
    """Why power cuts cannot be tried here; None when they can."""
    try:
        tool("mkfs.ext4")
        with loop_disk() as (disk, _):
            disk.cut()
    except (Missing, OSError) as error:
        return str(error)
    return None


def prefix_without_syncs() -> list[str]:
    return [tool("strace"), *NO_SYNCS]
