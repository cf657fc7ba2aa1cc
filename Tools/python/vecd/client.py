"""The client: one object per daemon, one method per thing that a daemon can be asked."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from . import protocol as p
from . import biases, exclusions, reads, writes
from .arrays import as_float32, as_vectors, bad, choose, ids_and_texts, share, whole
from .attributes import Attribute, AttributeType, as_attributes, described
from .connection import Connection, socket_path
from .errors import ErrorCode, VecdError
from .filter import Filter
from .ingest import Ingest
from .models import Models
from .publishing import Publishing
from .results import BuildResult, GetResult, SearchResult, WriteResult, as_object
from .wire import IdKind, Index, Limits, Metric, malformed

_READ_TIMEOUT: Any = object()  # stands for the timeout given to `connect`
SEARCH_WINDOW = 8
QUERIES_PER_REQUEST = 256


def connect(
    path: str | os.PathLike[str] | None = None, timeout: float | None = 30.0, name: str = "vecd-python"
) -> Client:
    """Connects to a running daemon.

    path: its socket; else $VECD_SOCKET, else vecd.sock in $VECD_STORE, else ~/.vecd/vecd.sock.
    timeout: seconds that a quick request may take (searches, gets, lists), sent along as its deadline; None waits
    forever. Ingest, index builds, publish, rollback and verify have no limit of their own.
    """
    return Client(path, timeout, name)


class Client(Models, Publishing):
    """A connection to a daemon. Threads may share it and then take turns; give each its own for parallel work.

    Every failure is a `VecdError`. After `connection-lost` the next call connects again; upserts and deletes do so
    themselves, once.
    """

    def __init__(self, path: str | os.PathLike[str] | None, timeout: float | None, name: str) -> None:
        if timeout is not None and not timeout > 0:
            raise bad(f"timeout is {timeout!r}, expected seconds above 0 or None")
        self.path = socket_path(path)
        self.timeout = timeout
        self.name = name
        self._lock = threading.RLock()
        self._closed = False
        self._link = Connection(self.path, name, timeout)

    # -- the connection

    @property
    def daemon_version(self) -> str:
        return self._link.hello.daemon_version

    def close(self) -> None:
        """Ends the connection; open ingests are rolled back by the daemon."""
        self._closed = True
        self._link.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connection(self) -> Connection:
        if self._closed:
            raise VecdError(ErrorCode.CONNECTION_LOST, "this client was closed; connect again")
        if self._link.closed:
            self._link = Connection(self.path, self.name, self.timeout)
        return self._link

    def _call(self, message: p.Message, timeout: Any = _READ_TIMEOUT) -> Any:
        seconds = self.timeout if timeout is _READ_TIMEOUT else timeout
        with self._lock:
            link = self._connection()
            return link.wait(link.send(message, seconds), seconds)

    def _pipeline(self, messages: Iterable[p.Message], seconds: float | None) -> list[Any]:
        """Replies in the order of the messages, a bounded number of them under way at a time."""
        replies: list[Any] = []
        with self._lock:
            link = self._connection()
            window = max(1, min(SEARCH_WINDOW, link.hello.in_flight_limit - link.in_flight))
            outstanding: deque[int] = deque()
            try:
                for message in messages:
                    if len(outstanding) >= window:
                        replies.append(link.wait(outstanding.popleft(), seconds))
                    outstanding.append(link.send(message, seconds))
                while outstanding:
                    replies.append(link.wait(outstanding.popleft(), seconds))
            finally:
                for request_id in outstanding:
                    link.abandon(request_id)
        return replies

    def ping(self, data: bytes = b"", timeout: Any = _READ_TIMEOUT) -> float:
        """Seconds that a round trip took."""
        whole(len(data), "the number of bytes of a ping", 0, Limits.PING_BYTES)
        start = time.perf_counter()
        answer = self._call(p.PingRequest(bytes(data)), timeout)
        seconds = time.perf_counter() - start
        if answer.bytes != data:
            raise malformed("the daemon's ping reply differs from what was sent")
        return seconds

    # -- collections

    def create(
        self, name: str, dimension: int, metric: Metric | str = "ip",
        attributes: Mapping[str, AttributeType | str] | Sequence[Attribute] | None = None,
        ids: IdKind | str = "number",
    ) -> None:
        """Makes an empty collection. metric: "ip" (inner product), "cosine" or "l2".

        attributes: what its items may have besides vectors, {"price": "float", "tags": "keywords"} say; the types are
        int, float, bool, keyword and keywords. More can be added later.
        ids: "string" for items that are known by texts of 1 to 256 bytes, for good: texts then go wherever ids go, and come
        back with results whose `fields` have "string_id" (docs/string-ids.md).
        """
        size = whole(dimension, "dimension", 1, Limits.DIMENSION)
        entries = [p.AttributeDefinition(own.name, own.type) for own in as_attributes(attributes or ())]
        kind = choose(IdKind, ids, "ids")
        self._call(p.CreateRequest(name, size, choose(Metric, metric, "metric"), entries or None, kind or None))

    def _attributes(self, collection: str, timeout: Any = _READ_TIMEOUT) -> list[Attribute]:
        return described(self._call(p.DescribeRequest(collection), timeout))

    def add_attribute(self, collection: str, name: str, type: AttributeType | str) -> int:
        """Adds an attribute, for which the items that are there have no value. Its position among the attributes."""
        own = Attribute(name, type)  # type: ignore[arg-type]
        return self._call(p.AddAttributeRequest(collection, own.name, own.type)).position

    def collections(self) -> list[p.Collection]:
        """All collections in order of name."""
        return self._call(p.ListRequest()).collections

    def drop(self, collection: str, generation: str | None = None) -> None:
        """Removes one generation, or without one the whole collection."""
        if generation == "":
            raise bad("generation is empty; name it, or leave it out to drop the whole collection")
        self._call(p.DropRequest(collection, generation or ""))

    # -- filling and building

    def ingest(
        self,
        collection: str,
        ids: Any,
        vectors: Any,
        generation: str | None = None,
        batch_rows: int | None = None,
        progress: Callable[[int, int], Any] | None = None,
        *,
        attributes: Any = None,
        payloads: Any = None,
        model: str | None = None,
    ) -> p.IngestCommitReply:
        """Stores rows durably in a generation that is being built, all or nothing.

        ids: (n,) integers from 0 to 2^64 - 1, or texts. vectors: (n, dimension) float32, float16 (stored as such) or float64
        (narrowed). generation: its label; without one the only generation being built, or a new one.
        progress: called with (rows acknowledged, n).
        attributes: a mapping from names to values per row, or a mapping from names to columns (sequences or arrays of n
        values); None is no value. payloads: per row bytes, a text (sent as UTF-8), something that JSON has (sent as compact
        JSON), or None for none.
        model: the version of the model that made the vectors. A generation that is made carries it from then on; one that is
        there must carry the same, else `model-mismatch`.
        """
        rows = as_vectors(vectors, "vectors", (2,))
        keys, texts = ids_and_texts(ids)
        if len(keys) != len(rows):
            raise bad(f"{len(keys)} ids for {len(rows)} vectors; pass one id per row")

        def report(done: int) -> None:
            if progress is not None:
                progress(done, len(rows))

        with self.begin_ingest(collection, generation, model) as session:
            session._add(keys, texts, rows, batch_rows, report, attributes, payloads)
            return session.commit(report)

    def begin_ingest(self, collection: str, generation: str | None = None, model: str | None = None) -> Ingest:
        """An ingest to be fed piece by piece, for data that does not fit in memory. See `Ingest`."""
        return Ingest(self, collection, generation, model)

    def build_index(
        self,
        collection: str,
        generation: str | None = None,
        index: Index | str = "flat",
        wait: bool = True,
        timeout: float | None = None,
        *,
        target_recall: float | None = None,
        queries: Any = None,
    ) -> BuildResult:
        """Builds the index of a generation. Without `wait`, follow it with `generations`.

        target_recall: above 0 and at most 1. queries: (n, d), real queries for calibration. Flat needs neither.
        """
        kind = choose(Index, index, "index")
        target = 0.0 if target_recall is None else share(target_recall, "target_recall")
        sample = np.empty((0, 0), "<f4")
        if queries is not None:
            sample = as_float32(as_vectors(queries, "queries", (2,)), "queries")
            whole(len(sample), "number of queries", 1, Limits.SAMPLE_QUERIES)
        request = p.BuildIndexRequest(
            collection, generation or "", kind, wait, target, len(sample), sample.shape[1], sample
        )
        reply = self._call(request, timeout)
        return BuildResult(reply.generation, json.loads(reply.report) if reply.report else None)

    # -- single writes

    def upsert(
        self,
        collection: str,
        ids: Any,
        vectors: Any,
        generation: str | None = None,
        token: bytes | None = None,
        timeout: Any = _READ_TIMEOUT,
        *,
        attributes: Any = None,
        payloads: Any = None,
        model: str | None = None,
    ) -> WriteResult:
        """Puts vectors in the place of those that some ids had, or adds them. Durable and seen by every search from then on.

        ids: (n,), vectors: (n, dimension), as of `ingest`; of equal ids the last counts. generation: the live one if not
        named; a collection without one gets it. Arrays that are too large for one request (16,384 rows, 8 MiB) are
        written part by part: then an error leaves the parts before it written.
        token: 16 bytes that name this call, so that calling again with them cannot carry it out twice; random if not given.
        timeout: seconds for each part.
        attributes, payloads: as of `ingest`. They too take the place of what the ids had: without them, ids have none.
        model: as of `ingest`.
        """
        return writes.upsert(self, collection, ids, vectors, generation, token, timeout, attributes, payloads, model)

    def delete(
        self,
        collection: str,
        ids: Any,
        generation: str | None = None,
        token: bytes | None = None,
        timeout: Any = _READ_TIMEOUT,
    ) -> WriteResult:
        """Removes the rows of some ids; those that are not there are no error. `token`, `timeout`: as of `upsert`."""
        return writes.delete(self, collection, ids, generation, token, timeout)

    def seal(self, collection: str, generation: str | None = None, timeout: float | None = None) -> dict[str, Any]:
        """Moves the rows written so far into a segment. The daemon does so by itself when it is due."""
        return as_object(self._call(p.SealRequest(collection, generation or ""), timeout).json, "seal")

    def compact(self, collection: str, generation: str | None = None, timeout: float | None = None) -> dict[str, Any]:
        """Rewrites a generation's segments without deleted rows, with the index it has. Searches and writes go on."""
        return as_object(self._call(p.CompactRequest(collection, generation or ""), timeout).json, "compact")

    def snapshot(self, name: str, timeout: float | None = None) -> dict[str, Any]:
        """Makes a verified copy of the whole store under `snapshots/` of its directory."""
        return as_object(self._call(p.SnapshotRequest(name), timeout).json, "snapshot")

    def cancel_build(self, collection: str, generation: str | None = None) -> bool:
        """Calls off an index build; the generation stays as it was. False when none runs."""
        return self._call(p.CancelBuildRequest(collection, generation or "")).was_running

    # -- sets of ids to exclude

    def exclude(
        self, collection: str, set: str, ids: Any, ttl: int | None = None, timeout: Any = _READ_TIMEOUT
    ) -> int:
        """Appends ids to a named set that the daemon keeps, a user's seen items, say, and makes it if it is not there.
        Searches exclude it by its name: `search(..., exclude_set=set)`. Returns how many ids are in the set now.

        ttl: seconds from now for which these ids are excluded, else for ever; an id that is there already keeps the later
        end. A set holds 65,536 ids; those appended first leave. Durable when it returns.
        """
        return exclusions.append(self, collection, set, ids, ttl, timeout)

    def forget_exclusions(self, collection: str, set: str) -> bool:
        """Removes a named set. False when there was none."""
        exclusions.check_name(set)
        return self._call(p.ForgetExclusionsRequest(collection, set)).was_there

    def exclusions(self, collection: str, set: str) -> exclusions.Exclusions:
        """What a named set excludes now; nothing when there is none."""
        exclusions.check_name(set)
        reply = self._call(p.ExclusionsRequest(collection, set))
        return exclusions.Exclusions(reply.ids, reply.ends)

    # -- sets of biases

    def bias(self, collection: str, set: str, ids: Any, values: Any, timeout: Any = _READ_TIMEOUT) -> int:
        """Puts biases of items into a named set that the daemon keeps, and makes it if it is not there. Searches that
        name it add them to scores: `search(..., bias=set)`. Returns how many ids are in the set now.

        values: a number for each id, between -1e9 and 1e9, in the place of what the set had for it; 0 takes the id out.
        Of equal ids the last counts. A set holds 1,000,000 ids. More than 65,536 go in several requests: then an error
        leaves the parts before it in the set. Durable when it returns.
        """
        return biases.put(self, collection, set, ids, values, timeout)

    def forget_biases(self, collection: str, set: str) -> bool:
        """Removes a named set. False when there was none."""
        biases.check_bias_set(set)
        return self._call(p.ForgetBiasesRequest(collection, set)).was_there

    def biases(self, collection: str, set: str) -> biases.Biases:
        """What a named set adds to scores now; nothing when there is none."""
        return biases.read(self, collection, set)

    # -- reading

    def search(
        self,
        collection: str,
        queries: Any,
        k: int,
        *,
        generation: str | None = None,
        recall: float | None = None,
        ef: int | None = None,
        nprobe: int | None = None,
        exact: bool = False,
        index: Index | str = "auto",
        batch_queries: int = QUERIES_PER_REQUEST,
        at_least: int | None = None,
        exclude: Any = None,
        exclude_set: Any = None,
        score_limit: float | None = None,
        filter: str | Filter | None = None,
        fields: str | Sequence[str] | None = None,
        model: str | None = None,
        group_by: str | None = None,
        group_limit: int = 1,
        quotas: Any = None,
        diversity: float | None = None,
        pool: int | None = None,
        weights: Any = None,
        log_sum_exp: float | None = None,
        bias: str | None = None,
        timeout: Any = _READ_TIMEOUT,
    ) -> SearchResult:
        """The k best items of each query, all from one generation.

        queries: (n, d), one (d,), or (n, interests, d): an item's score is then its best over the interests.
        recall, ef, nprobe, exact: how good the answer must be; at most one of them.
        batch_queries: queries per request to the daemon; several requests are under way at a time.
        at_least: the sequence of a write that the answer must have seen; the daemon waits for it until the timeout.
        exclude: ids that no result may have, a user's seen items, say; a sequence of them holds for all queries, a
            sequence of n sequences for each its own. The results are the best k of all other items.
        exclude_set: the name of a set that `exclude` keeps, whose ids are excluded too; a sequence of n names (None for
            none) for each query its own. A name without a set excludes nothing.
        score_limit: results with a lower score are left out; under l2, with a greater squared distance.
        filter: only items for which it is true are results: 'price < 20 and tags has "live"' (docs/filters.md), or what
            `vecd.filter.parse` made of such a text.
        fields: what comes with each result, of "attributes", "payload" and "string_id": `attributes`, `payloads` and
            `string_ids` of what is returned.
        model: the version of the model that made the queries. What becomes of them when the generation carries another one,
            or none, is for the collection to say: see `configure`.
        group_by, group_limit: at most so many results with the same value of an attribute.
        quotas: a pair (least, most) for each interest, how many results it shall win; whole numbers, or floats as shares
            of k; None for a most is no limit.
        diversity, pool: maximal marginal relevance with this lambda (1: by score alone) over a pool of candidates, 4 k if
            not given.
        weights: above 0, for each interest; a score is the best of weight x inner product. Under ip alone.
        log_sum_exp: a temperature t above 0; scores are then t log sum exp(score / t) over all interests, not the best of
            them. Under ip and cosine.
        bias: the name of a set that `bias` keeps: an item's score is what it is without, plus its bias there. The
            results are the best k by these sums. A name without a set adds nothing. Under ip and cosine.
        timeout: seconds for each request.
        """
        return reads.search(
            self, collection, queries, k, generation=generation, recall=recall, ef=ef, nprobe=nprobe, exact=exact,
            index=index, batch_queries=batch_queries, at_least=at_least, exclude=exclude, exclude_set=exclude_set,
            score_limit=score_limit, filter=filter, fields=fields, model=model, group_by=group_by,
            group_limit=group_limit, quotas=quotas, diversity=diversity, pool=pool, weights=weights,
            log_sum_exp=log_sum_exp, bias=bias,
            seconds=self.timeout if timeout is _READ_TIMEOUT else timeout,
        )

    def likeness(
        self, collection: str, like: Any, unlike: Any = (), *, share: float = 0.5, generation: str | None = None,
        model: str | None = None,
    ) -> np.ndarray:
        """The query that asks for more like some items and less like others, (d,): the mean vector of the first less `share`
        times that of the others (Rocchio, 1971); under cosine of their directions. Search with it and `exclude=[*like, *unlike]`.
        model: the generation must carry this model version, else `model-mismatch`.
        """
        return reads.likeness(self, collection, like, unlike, share, generation, model)

    def get(
        self, collection: str, ids: Any, generation: str | None = None, *, fields: str | Sequence[str] | None = None
    ) -> GetResult:
        """The vectors stored under ids, as float32. fields: as of `search`."""
        return reads.get(self, collection, ids, generation, fields)

    def string_ids(self, collection: str, ids: Any, generation: str | None = None) -> list[str | None]:
        """The texts of numeric ids, as `exclusions` and `biases` give them; None for those that are no items."""
        return reads.string_ids(self, collection, ids, generation)

    def stats(self) -> dict[str, Any]:
        """What the daemon knows about itself; the keys are explained in docs/OPERATING.md."""
        return as_object(self._call(p.StatsRequest()).json, "stats")

    def verify(self, collection: str | None = None, timeout: float | None = None) -> p.VerifyReply:
        """Reads every byte of a collection, or of the whole store. Damage is in `findings`, not an error."""
        return self._call(p.VerifyRequest(collection or ""), timeout)
