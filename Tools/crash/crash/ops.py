"""What was done to a disk: files as numbered nodes, their writes, and the names that lead to them.

The model of a file system: a write is durable once an fsync or fdatasync of its file that began after it has ended; until
then any part of it, in units of 512 bytes, may be there or not, whatever other writes are. A name (create, link, rename,
unlink, mkdir) is durable once its directory was synced; until then names are durable in their order (a journal), or in
any order (`states.Policy`). A truncation is never overtaken by later writes of the same file.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass, field
from pathlib import Path

ROOT = 0  # the node of the directory above the store: always there
SECTOR = 512


@dataclass(frozen=True)
class Op:
    """One thing done. kind: write, truncate, sync, name or said (bytes to a socket). Times are lines of the log."""

    kind: str
    begin: int
    end: int | None
    node: int = -1
    offset: int = 0
    data: bytes = b""
    moves: tuple[tuple[str, int, str, int], ...] = ()  # of names: ("put" or "take", directory, name, node)
    path: str = ""  # of the file, for people and for the controls

    def is_over(self, time: int) -> bool:
        return self.end is not None and self.end <= time


@dataclass
class Image:
    """What is on the disk before the first call: directories and the bytes of files."""

    names: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    files: dict[int, bytes] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, base: str) -> Image:
        """The tree below a directory as it is now."""
        image = cls()
        nodes = {base: ROOT}
        for folder, subfolders, files in os.walk(base):
            for name in subfolders:
                nodes[path := os.path.join(folder, name)] = node = len(nodes)
                image.names[nodes[folder]][name] = node
                image.names[node] = {}
            for name in files:
                nodes[path := os.path.join(folder, name)] = node = len(nodes)
                image.names[nodes[folder]][name] = node
                image.files[node] = Path(path).read_bytes()
        image.paths = {node: path for path, node in nodes.items()}
        return image
