"""Searches and gets: cut into requests, several under way at a time, all answered from one generation, put together again."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from . import protocol as p
from .arrays import as_float32, as_id_sets, as_model, as_vectors, bad, choose, ids_and_texts, share, whole
from .attributes import by_name
from .biases import check_bias_set
from .errors import ErrorCode, VecdError
from .exclusions import as_set_names
from .filter import BYTES, Filter, parse, quoted
from .records import Record
from .results import GetResult, SearchResult, assemble
from .selection import selection
from .wire import Effort, Fields, Index, Limits, malformed

if TYPE_CHECKING:
    from .client import Client

# The reply holds 4 bytes per value, and dimension 4096 must stay within one frame.
IDS_PER_GET = 4_000
# A string id adds at most 263 bytes to each, for which that frame still has room.
# With other fields a reply grows by what items have, up to a payload of 64 KiB each: these leave room for it.
IDS_PER_GET_WITH_FIELDS = 500
RESULTS_WITH_FIELDS = 16_384


def search(
    client: Client, collection: str, queries: Any, k: int, *, generation: str | None, recall: float | None, ef: int | None,
    nprobe: int | None, exact: bool, index: Index | str, batch_queries: int, at_least: int | None, exclude: Any,
    exclude_set: Any, score_limit: float | None, filter: str | Filter | None, fields: Any, model: str | None,
    group_by: str | None, group_limit: int, quotas: Any, diversity: float | None, pool: int | None, weights: Any,
    log_sum_exp: float | None, bias: str | None, seconds: float | None,
) -> SearchResult:
    vectors = as_vectors(queries, "queries", (1, 2, 3))
    vectors = vectors.reshape((1, 1, -1)) if vectors.ndim == 1 else vectors
    vectors = vectors[:, None, :] if vectors.ndim == 2 else vectors
    count, interests, dimension = vectors.shape
    whole(count, "number of queries", 1, 1 << 40)
    whole(interests, "interests per query", 1, Limits.INTERESTS)
    effort, value = _effort(recall, ef, nprobe, exact)
    k = whole(k, "k", 1, Limits.K)
    choice = choose(Index, index, "index")
    least = None if at_least is None else whole(at_least, "at_least", 0, 2**64 - 1)
    condition, wanted = _filter(filter), _fields(fields)
    as_model(model)
    choice_of_results = selection(k, interests, group_by, group_limit, quotas, diversity, pool, weights, log_sum_exp)
    room = Limits.FRAME_BODY_BYTES - 1024 - len(condition or b"")
    step = min(
        whole(batch_queries, "batch_queries", 1, Limits.QUERIES),
        Limits.RESULTS // k,
        max(1, RESULTS_WITH_FIELDS // k) if wanted else Limits.QUERIES,
        room // (interests * dimension * 4),
    )
    excluded = as_id_sets(exclude, count)
    is_own = excluded is not None and len(excluded) > 1
    if excluded is not None and is_own:
        step = max(1, min(step, Limits.EXCLUDED_IDS // max(map(len, excluded))))
    sets = as_set_names(exclude_set, count)
    own_sets = sets is not None and len(sets) > 1
    if bias is not None:
        check_bias_set(bias)
    if score_limit is not None and not np.isfinite(score_limit):
        raise bad(f"score_limit is {score_limit}, expected a finite number")
    starts = list(range(0, count, step))

    def ask(start: int, label: str) -> p.SearchRequest:
        part = as_float32(vectors[start : start + step], "queries", start)
        return p.SearchRequest(
            collection, label, k, effort, value, choice, interests, len(part), dimension, part, least,
            excluded[start : start + step] if excluded is not None and is_own else excluded, score_limit,
            condition, wanted, sets[start : start + step] if sets is not None and own_sets else sets,
            model, *choice_of_results, bias,
        )

    replies = _one_generation(client, ask, starts, generation or "", seconds)
    result = assemble(replies, [min(step, count - start) for start in starts], k)
    ends = np.cumsum(result.counts).tolist()
    bounds = list(zip([0, *ends[:-1]], ends))
    own = _items(client, collection, replies, wanted, ends[-1], seconds)
    result.attributes, result.payloads, result.string_ids = (
        None if values is None else [values[start:end] for start, end in bounds] for values in own)
    return result


def _one_generation(
    client: Client, ask: Callable[[int, str], p.SearchRequest], starts: list[int], label: str, seconds: float | None
) -> list[p.SearchReply]:
    """A publish may fall between the requests of one search: those of the other generation are asked again."""
    replies = client._pipeline((ask(start, label) for start in starts), seconds)
    for _ in range(4):
        last = replies[-1]
        stale = [i for i, reply in enumerate(replies) if reply.generation_number != last.generation_number]
        if not stale:
            return replies
        again = client._pipeline((ask(starts[i], last.generation) for i in stale), seconds)
        for i, reply in zip(stale, again):
            replies[i] = reply
    raise VecdError(ErrorCode.BUSY, "generations changed too often while one search was under way; search again")


def likeness(
    client: Client, collection: str, like: Any, unlike: Any, share: float, generation: str | None, model: str | None,
) -> np.ndarray:
    as_model(model)
    for given, what in ((like, "like"), (unlike, "unlike")):
        if isinstance(given, (str, bytes)):
            raise bad(f"{what} is one {type(given).__name__}; pass a sequence of ids")
    like, unlike = list(like), list(unlike)
    if not like:
        raise bad("like holds no ids, expected at least one")
    if not (share >= 0 and np.isfinite(share)):
        raise bad(f"share is {share}, expected 0 or more")
    found = get(client, collection, [*like, *unlike], generation, None)
    if model is not None:
        carried = [own.model for own in client.generations(collection) if own.label == found.generation]
        if carried != [model]:
            text = f"generation {found.generation} carries {(carried or [None])[0] or 'no model version'}, not {model}"
            raise VecdError(ErrorCode.MODEL_MISMATCH, text)
    if not found.found.all():
        missing = [*like, *unlike][int(np.argmin(found.found))]
        name = quoted(missing) if isinstance(missing, str) else missing
        raise bad(f"there is no item {name} to be like or unlike")
    vectors = found.vectors.astype(np.float64)
    if client.describe(collection)["metric"] == "cosine":
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[: len(like)].mean(axis=0)
    if len(unlike):
        query -= share * vectors[len(like) :].mean(axis=0)
    return query.astype(np.float32)


def get(client: Client, collection: str, ids: Any, generation: str | None, fields: Any) -> GetResult:
    keys, texts = ids_and_texts(ids)
    whole(len(keys), "number of ids", 1, 1 << 40)
    asked = _fields(fields)
    # Another text may have the same hash, so what comes back is held against what was asked for.
    wanted = asked if texts is None else (asked or Fields(0)) | Fields.STRING_ID
    step = IDS_PER_GET if wanted in (None, Fields.STRING_ID) else IDS_PER_GET_WITH_FIELDS
    parts = [keys[start : start + step] for start in range(0, len(keys), step)]
    label = generation or ""
    replies: list[p.GetReply] = [client._call(p.GetRequest(collection, label, len(parts[0]), parts[0], wanted))]
    label = replies[0].generation
    rest = (p.GetRequest(collection, label, len(part), part, wanted) for part in parts[1:])
    replies += client._pipeline(rest, client.timeout)
    for part, reply in zip(parts, replies):
        if reply.count != len(part):
            raise malformed(f"the daemon answered {reply.count} ids, expected {len(part)}")
    found = np.concatenate([reply.found for reply in replies]).astype(bool)
    vectors = np.full((len(keys), replies[0].dimension), np.nan, dtype=np.float32)
    vectors[found] = np.concatenate([reply.vectors for reply in replies]).reshape(-1, replies[0].dimension)
    result = GetResult(vectors, found, label)
    own = _items(client, collection, replies, wanted, int(found.sum()), client.timeout)
    result.attributes, result.payloads, result.string_ids = (_spread(values, found) for values in own)
    if texts is not None:
        _keep_named(result, texts, Fields.STRING_ID in (asked or Fields(0)))
    return result


def _keep_named(result: GetResult, texts: list[str], is_asked: bool) -> None:
    """Items that only have the hash of a text asked for are not found."""
    names = result.string_ids or []
    for place, (text, name) in enumerate(zip(texts, names)):
        if result.found[place] and name != text:
            result.found[place] = False
            result.vectors[place] = np.nan
            for values in (result.attributes, result.payloads, result.string_ids):
                if values is not None:
                    values[place] = None
    if not is_asked:
        result.string_ids = None


def string_ids(client: Client, collection: str, ids: Any, generation: str | None) -> list[str | None]:
    keys = ids_and_texts(ids)[0]
    return (get(client, collection, keys, generation, "string_id").string_ids or []) if len(keys) else []


def _items(
    client: Client, collection: str, replies: Iterable[Any], wanted: Fields | None, count: int, seconds: float | None
) -> tuple[list[Any] | None, list[Any] | None, list[Any] | None]:
    """Attributes, payloads and string ids, as asked for, of all items of some replies."""
    records: list[Record] = [record for reply in replies for record in reply.records or ()]
    expected = count if wanted else 0
    if len(records) != expected:
        raise malformed(f"the daemon sent fields of {len(records)} items, expected {expected}")
    attributes = payloads = names = None
    if not wanted:
        return None, None, None
    if Fields.ATTRIBUTES in wanted:
        # Asked after the records came: attributes are only ever added, so none of theirs can be missing now.
        known = client._attributes(collection, seconds)
        attributes = [by_name(record, known) for record in records]
    if Fields.PAYLOAD in wanted:
        payloads = [record.payload for record in records]
    if Fields.STRING_ID in wanted:
        names = [record.string_id for record in records]
    return attributes, payloads, names


def _spread(values: list[Any] | None, found: np.ndarray) -> list[Any] | None:
    """A value for each id that was found, None for the others."""
    if values is None:
        return None
    rest = iter(values)
    return [next(rest) if is_there else None for is_there in found.tolist()]


@lru_cache(maxsize=256)
def _encoded(text: str) -> bytes:
    """A service asks the same few filters again and again."""
    return parse(text).encode()


def _filter(given: str | Filter | None) -> bytes | None:
    """The wire form of a filter, refused before anything is sent."""
    if given is None:
        return None
    if isinstance(given, str):
        return _encoded(given)
    if not isinstance(given, Filter):
        raise bad(f"filter is of type {type(given).__name__}, expected a text or what vecd.filter.parse gives")
    try:
        data = given.encode()
    except (struct.error, UnicodeEncodeError, KeyError, AttributeError) as error:
        raise bad(f"the filter cannot be written: {error!r}; make it with vecd.filter.parse to see where") from None
    if len(data) > BYTES:
        raise bad(f"the filter has {len(data)} bytes in its wire form, at most {BYTES} may be", ErrorCode.LIMIT_EXCEEDED)
    return data


_FIELDS = {"attributes": Fields.ATTRIBUTES, "payload": Fields.PAYLOAD, "string_id": Fields.STRING_ID}


def _fields(given: str | Sequence[str] | None) -> Fields | None:
    """None and nothing at all ask for none."""
    names = [given] if isinstance(given, str) else list(given or ())
    wanted = Fields(0)
    for name in names:
        if not isinstance(name, str) or name not in _FIELDS:
            raise bad(f"there is no field {name!r}; there are: {', '.join(_FIELDS)}")
        wanted |= _FIELDS[name]
    return wanted or None


def _effort(recall: float | None, ef: int | None, nprobe: int | None, exact: bool) -> tuple[Effort, int]:
    given = [name for name, value in (("recall", recall), ("ef", ef), ("nprobe", nprobe)) if value is not None]
    given += ["exact"] if exact else []
    if len(given) > 1:
        raise bad(f"{' and '.join(given)} exclude each other; pass at most one")
    if recall is not None:
        return Effort.RECALL, struct.unpack("<I", struct.pack("<f", share(recall, "recall")))[0]
    if ef is not None:
        return Effort.EF, whole(ef, "ef", 1, 0xFFFF_FFFF)
    if nprobe is not None:
        return Effort.NPROBE, whole(nprobe, "nprobe", 1, 0xFFFF_FFFF)
    return (Effort.EXACT if exact else Effort.DEFAULT), 0
