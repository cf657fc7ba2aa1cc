"""Filling a generation: rows go out in frames, a few of them under way at a time, and count only once committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import as_model, as_vectors, bad, for_wire, ids_and_texts, whole
from .attributes import Attribute
from .errors import ErrorCode, VecdError
from .protocol import (
    IngestAbortRequest, IngestBeginReply, IngestBeginRequest, IngestCommitReply, IngestCommitRequest, IngestRowsRequest,
)
from .rows import RowData, cuts
from .wire import Limits

if TYPE_CHECKING:
    from .client import Client

# Large enough that the cost per frame does not show, small enough that a few of them are little memory.
FRAME_BYTES = 4 << 20
WINDOW = 4


class Ingest:
    """Rows on their way into one generation, all or nothing.

    Use as a context manager: leaving it normally commits, leaving it by an exception aborts. The result of the
    commit is then in `committed`.
    """

    def __init__(self, client: Client, collection: str, generation: str | None, model: str | None = None) -> None:
        self._client = client
        request = IngestBeginRequest(collection, generation or "", as_model(model))
        self._link = client._connection()
        begun: IngestBeginReply = client._call(request, None)
        self._number = begun.ingest
        self.collection = collection
        self.generation = begun.generation
        self.dimension = begun.dimension
        self.metric = begun.metric
        self.rows_sent = 0
        self.rows_acknowledged = 0
        self.committed: IngestCommitReply | None = None
        self._attributes: list[Attribute] | None = None
        self._outstanding: deque[int] = deque()
        self._ended = False

    def add(
        self, ids: Any, vectors: Any, batch_rows: int | None = None, progress: Callable[[int], Any] | None = None,
        *, attributes: Any = None, payloads: Any = None,
    ) -> None:
        """Sends rows: ids (n,), vectors (n, dimension), attributes and payloads as of `Client.ingest`. Returns when at most
        a few frames are unanswered.

        An error here may belong to rows added earlier; the message names the row, counted over the whole ingest. After one
        the ingest has ended, unless nothing of this call was sent.
        """
        (keys, texts), rows = ids_and_texts(ids), as_vectors(vectors, "vectors", (2,))
        self._add(keys, texts, rows, batch_rows, progress, attributes, payloads)

    def _add(
        self, keys: np.ndarray, texts: list[str] | None, rows: np.ndarray, batch_rows: int | None,
        progress: Callable[[int], Any] | None, attributes: Any, payloads: Any,
    ) -> None:
        """keys, texts: as of `ids_and_texts`."""
        self._check_open()
        if len(keys) != len(rows):
            raise bad(f"{len(keys)} ids for {len(rows)} vectors; pass one id per row")
        if rows.shape[1] != self.dimension:
            raise bad(
                f"vectors have dimension {rows.shape[1]}, collection {self.collection} has {self.dimension}",
                ErrorCode.DIMENSION_MISMATCH,
            )
        data: RowData | None = None
        if attributes is not None or payloads is not None or texts is not None:
            known = [] if attributes is None else self._definitions()
            data = RowData(attributes, payloads, len(rows), known, self.rows_sent, texts)
        first = self.rows_sent
        try:
            for start, stop, records in self._pieces(rows, data, batch_rows):
                element, values = for_wire(rows[start:stop], "vectors", self.rows_sent)
                message = IngestRowsRequest(
                    self._number, element, self.dimension, len(values), keys[start:stop], values, records
                )
                self._send(message, len(values), progress)
        except BaseException:
            if self.rows_sent > first:
                self._forget()  # half a call is not what was asked for
            raise

    def _definitions(self) -> list[Attribute]:
        if self._attributes is None:
            self._attributes = self._client._attributes(self.collection)
        return self._attributes

    def _pieces(
        self, rows: np.ndarray, data: RowData | None, batch_rows: int | None
    ) -> Iterator[tuple[int, int, bytes | None]]:
        """First row, end and records of each frame: by rows, then by the bytes that records add."""
        width = rows.shape[1] * (2 if rows.dtype.itemsize == 2 else 4) + 8
        limit = self._link.hello.frame_limit - 64
        step = min(Limits.INGEST_ROWS, limit // width)
        if batch_rows is None:
            limit = min(FRAME_BYTES, limit)
            step = max(1, min(step, limit // width))
        else:
            step = min(whole(batch_rows, "batch_rows", 1, Limits.INGEST_ROWS), step)
        for start in range(0, len(rows), step):
            stop = min(start + step, len(rows))
            if data is None:
                yield start, stop, None
                continue
            records = data.records(start, stop)
            for low, high in cuts([width + len(record) for record in records], step, limit):
                yield start + low, start + high, b"".join(records[low:high])

    def _send(self, message: IngestRowsRequest, count: int, progress: Callable[[int], Any] | None) -> None:
        try:
            with self._client._lock:
                while len(self._outstanding) >= WINDOW:
                    self._take_reply(progress)
                self._outstanding.append(self._link.send(message))
                self.rows_sent += count
        except BaseException:
            self._forget()
            raise

    def _take_reply(self, progress: Callable[[int], Any] | None) -> None:
        self.rows_acknowledged = self._link.wait(self._outstanding.popleft()).received
        if progress is not None:
            progress(self.rows_acknowledged)

    def commit(self, progress: Callable[[int], Any] | None = None) -> IngestCommitReply:
        """Makes all rows durable at once. When this returns they survive power loss; when it raises none is there."""
        self._check_open()
        try:
            with self._client._lock:
                while self._outstanding:
                    self._take_reply(progress)
                self._ended = True
                done: IngestCommitReply = self._link.wait(self._link.send(IngestCommitRequest(self._number)))
        except BaseException:
            self._forget()
            raise
        self.committed = done
        return done

    def abort(self) -> None:
        """Leaves nothing of this ingest behind. Harmless after it has ended."""
        if not self._ended:
            self._forget()

    def _forget(self) -> None:
        """Ends a failed or unwanted ingest; what the daemon says about it no longer matters."""
        with self._client._lock:
            for request_id in self._outstanding:
                self._link.abandon(request_id)
            self._outstanding.clear()
            if not self._ended and not self._link.closed:
                self._ended = True
                try:
                    self._link.wait(self._link.send(IngestAbortRequest(self._number)))
                except VecdError:
                    pass  # it was rolled back already, or the connection took it along
            self._ended = True

    def _check_open(self) -> None:
        if self._ended:
            raise VecdError(
                ErrorCode.INGEST_NOT_FOUND, f"the ingest into {self.collection}/{self.generation} has ended; begin another"
            )

    def __enter__(self) -> Ingest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
        elif not self._ended:
            self.commit()
