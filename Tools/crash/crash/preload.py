"""`faults.c`, compiled once and preloaded into programs: calls that fail or are cut short on files below one directory.

strace injects into a thread that runs already, which suits the daemon; a program that is over in a moment is better told from
within, and only there a write can be short in earnest.
"""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .programs import Missing

SOURCE = Path(__file__).with_name("faults.c")


@dataclass(frozen=True)
class Fault:
    """What fails; see `faults.c`."""

    call: str
    how: str = "fail"
    number: int = 1
    is_lasting: bool = False
    error: int = errno.EIO

    def __str__(self) -> str:
        what = self.how if self.how in ("short", "lie") else f"{self.how} with {errno.errorcode[self.error]}"
        return f"{self.call} number {self.number}{'+' if self.is_lasting else ''} {what}"


@cache
def library() -> Path:
    """Compiled for this process. The Swift toolchain has a clang, so only a machine without it and without cc lacks one."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        raise Missing("cc is not installed (Debian: apt-get install gcc libc6-dev), so writes cannot be cut short")
    folder = Path(tempfile.mkdtemp(prefix="vecd-faults-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    built = folder / "faults.so"
    done = subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(built), str(SOURCE), "-ldl"], capture_output=True, text=True
    )
    if done.returncode:
        raise Missing(f"{compiler} cannot compile {SOURCE.name}: {done.stderr[-500:]}")
    return built


def environment(under: Path, log: Path, fault: Fault | None = None) -> dict[str, str]:
    """What a program is started with, to fail so, or to count its calls."""
    told = {"LD_PRELOAD": str(library()), "FAULTS_UNDER": str(under), "FAULTS_LOG": str(log)}
    if fault:
        told |= {
            "FAULTS_CALL": fault.call, "FAULTS_HOW": fault.how, "FAULTS_AT": str(fault.number),
            "FAULTS_LASTING": str(int(fault.is_lasting)), "FAULTS_ERRNO": str(fault.error),
        }
    return os.environ | told


def calls(log: Path) -> Counter[str]:
    """How often each call was made, and with a ! before it how often it was hit."""
    words = log.read_text().split() if log.exists() else []
    return Counter(words) + Counter(word[1:] for word in words if word[0] == "!")
