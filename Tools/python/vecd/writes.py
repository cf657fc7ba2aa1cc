"""Single writes: cut into what one request may hold, each part with a token, and sent again once when its connection is lost."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import protocol as p
from .arrays import as_float32, as_ids, as_model, as_vectors, bad, ids_and_texts
from .attributes import described
from .errors import ErrorCode, VecdError
from .results import WriteResult
from .rows import RowData, cuts
from .wire import Limits

if TYPE_CHECKING:
    from .client import Client

TOKEN_BYTES = 16
# After a loss the daemon may need a moment to be back: pauses that double, as in the Swift client.
RECONNECT_ATTEMPTS = 6
RECONNECT_PAUSE = 0.02


def upsert(
    client: Client, collection: str, ids: Any, vectors: Any, generation: str | None, token: bytes | None, timeout: Any,
    attributes: Any, payloads: Any, model: str | None,
) -> WriteResult:
    as_model(model)
    rows = as_vectors(vectors, "vectors", (2,))
    keys, texts = ids_and_texts(ids)
    if len(keys) != len(rows):
        raise bad(f"{len(keys)} ids for {len(rows)} vectors; pass one id per row")
    width = rows.shape[1]
    step = min(Limits.UPSERT_ROWS, Limits.UPSERT_BYTES // (8 + 4 * width))
    whole = as_float32(rows, "vectors")  # refused as a whole, before anything is sent

    bounds = list(_steps(len(keys), step))
    records: list[bytes] | None = None
    if attributes is not None or payloads is not None or texts is not None:
        request = p.DescribeRequest(collection)
        known = [] if attributes is None else described(send_again(client, request, timeout))
        records = RowData(attributes, payloads, len(keys), known, texts=texts).records(0, len(keys))
        bounds = list(cuts(list(map(len, records)), step, Limits.UPSERT_BYTES))

    def part(start: int, stop: int, label: str, name: bytes) -> p.Message:
        piece = keys[start:stop]
        own = None if records is None else b"".join(records[start:stop])
        return p.UpsertRequest(collection, label, name, width, len(piece), piece, whole[start:stop], own, model)

    return _write(client, part, bounds, generation, token, timeout)


def delete(
    client: Client, collection: str, ids: Any, generation: str | None, token: bytes | None, timeout: Any
) -> WriteResult:
    keys = as_ids(ids)

    def part(start: int, stop: int, label: str, name: bytes) -> p.Message:
        return p.DeleteRequest(collection, label, name, stop - start, keys[start:stop])

    return _write(client, part, list(_steps(len(keys), Limits.DELETE_IDS)), generation, token, timeout)


def _steps(count: int, step: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + step, count)) for start in range(0, count, step))


def _write(
    client: Client, part: Callable[[int, int, str, bytes], p.Message], bounds: list[tuple[int, int]],
    generation: str | None, token: bytes | None, timeout: Any,
) -> WriteResult:
    """One part after the other: of an id in several of them the last counts."""
    if not bounds:
        raise bad("there are no ids; pass at least one")
    names = _tokens(token)
    label = generation or ""
    done = WriteResult(label, 0, 0, False, 0)
    for start, stop in bounds:
        reply = send_again(client, part(start, stop, label, next(names)), timeout)
        label = reply.generation  # a publish must not spread one call over two generations
        done = WriteResult(
            label, reply.sequence, done.existing + reply.existing, done.repeated or reply.repeated, done.writes + 1)
    return done


def _tokens(token: bytes | None) -> Iterator[bytes]:
    """The token itself, then what follows from it: the same call with the same token has the same ones again."""
    first = os.urandom(TOKEN_BYTES) if token is None else bytes(token)
    if len(first) != TOKEN_BYTES or first == p.NO_TOKEN:
        raise bad(f"the token is {first!r}, expected {TOKEN_BYTES} bytes that are not all zero")
    number = 0
    name = first
    while True:
        yield name
        number += 1
        name = hashlib.blake2b(first + number.to_bytes(8, "little"), digest_size=TOKEN_BYTES).digest()


def send_again(client: Client, message: p.Message, timeout: Any) -> Any:
    """For what is carried out once however often it is sent: writes with a token, say."""
    try:
        return client._call(message, timeout)
    except VecdError as error:
        if error.code is not ErrorCode.CONNECTION_LOST or client._closed:
            raise
        lost = error
    for attempt in range(RECONNECT_ATTEMPTS):
        try:
            return client._call(message, timeout)
        except VecdError as error:
            if error.code is not ErrorCode.NOT_REACHABLE:
                raise
            if attempt < RECONNECT_ATTEMPTS - 1:
                time.sleep(RECONNECT_PAUSE * 2**attempt)
    raise lost  # not `not-reachable`: that would say that nothing was written
