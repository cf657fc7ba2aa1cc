"""What searches and gets give back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import BadInput, ErrorCode
from .protocol import SearchReply
from .wire import Index, malformed

# Fills `ids` where a query has fewer than k results; as int64 it reads -1.
NO_ID = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass
class SearchResult:
    """Row i belongs to query i. Only the first `counts[i]` places of a row are results; `mask` marks them.

    ids: (n, k) uint64, NO_ID beyond the results. scores: (n, k) float32, NaN beyond them: inner product, cosine, or
    squared distance (smaller is better). interests: (n, k) uint8, which of the query's vectors scored best.
    attributes, payloads, string_ids: per query a list of its `counts[i]` results' values by name, payloads (b"" for none)
    and string ids (None where items have none); None unless `fields` of the search asked for them.
    """

    ids: np.ndarray
    scores: np.ndarray
    interests: np.ndarray
    counts: np.ndarray
    generation: str
    generation_number: int
    sequence: int
    index: Index
    parameter: int
    expected_recall: float
    attributes: list[list[dict[str, Any]]] | None = None
    payloads: list[list[bytes]] | None = None
    string_ids: list[list[str | None]] | None = None

    @property
    def mask(self) -> np.ndarray:
        """(n, k) bool: which places hold a result."""
        return np.arange(self.ids.shape[1]) < self.counts[:, None]

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(ids, scores) per query, without the empty places."""
        for row, count in enumerate(self.counts):
            yield self.ids[row, :count], self.scores[row, :count]

    def softmax(self, temperature: float = 1.0) -> np.ndarray:
        """(n, k) float32: the shares of each query's results, which add up to 1; 0 beyond the results. `scores` stay as they are.

        A share is proportional to exp(score / temperature), under l2 to exp(-squared distance / temperature).
        """
        if not 0 < temperature < np.inf:
            raise BadInput(ErrorCode.INVALID_ARGUMENT, f"temperature is {temperature!r}, expected a number above 0")
        if not self.scores.size:
            return np.zeros(self.scores.shape, np.float32)
        scores = np.where(self.mask, self.scores, np.float32(0)).astype(np.float64)
        # Results come best first, so how far one is behind the first is the same whether scores rise or fall.
        with np.errstate(over="ignore"):
            shares = np.where(self.mask, np.exp(-np.abs(scores - scores[:, :1]) / temperature), 0)
        return (shares / np.maximum(shares.sum(axis=1, keepdims=True), 1)).astype(np.float32)


@dataclass
class GetResult:
    """In the order asked. vectors: (n, dimension) float32, NaN where `found` (n, bool) is false.

    attributes, payloads, string_ids: per id its values by name, its payload (b"" for none) and its string id; None where
    there is no item, and as a whole unless `fields` asked for them.
    """

    vectors: np.ndarray
    found: np.ndarray
    generation: str
    attributes: list[dict[str, Any] | None] | None = None
    payloads: list[bytes | None] | None = None
    string_ids: list[str | None] | None = None


@dataclass
class WriteResult:
    """What became of an upsert or a delete: all of it is durable. Every search whose `sequence` is this one or a greater
    one has seen it; `search(..., at_least=sequence)` waits for that.

    existing: how many of the ids were there before (replaced, or deleted). repeated: at least one of its writes had been
    carried out before under its token; those do not count in `existing`. writes: how many it took.
    """

    generation: str
    sequence: int
    existing: int
    repeated: bool
    writes: int


@dataclass
class BuildResult:
    """generation: its label. report: what was built (keys in docs/COMMANDS.md), None as long as the build goes on."""

    generation: str
    report: dict[str, Any] | None


def assemble(replies: list[SearchReply], asked: list[int], k: int) -> SearchResult:
    """Replies of one generation, in the order of their queries, as one result of (sum of asked, k)."""
    for reply, expected in zip(replies, asked):
        if reply.query_count != expected or int(reply.result_counts.max(initial=0)) > k:
            raise malformed(f"the daemon answered {reply.query_count} queries, expected {expected} of at most {k} results")
    counts = np.concatenate([reply.result_counts for reply in replies]).astype(np.int64)
    mask = np.arange(k) < counts[:, None]

    def plane(name: str, dtype: type, fill: float | np.uint64) -> np.ndarray:
        flat = np.concatenate([getattr(reply, name) for reply in replies])
        if len(flat) == mask.size:
            return flat.astype(dtype, copy=False).reshape(mask.shape)
        table = np.full(mask.shape, fill, dtype=dtype)
        table[mask] = flat
        return table

    first = replies[0]
    return SearchResult(
        ids=plane("ids", np.uint64, NO_ID),
        scores=plane("scores", np.float32, np.nan),
        interests=plane("interests", np.uint8, 0),
        counts=counts,
        generation=first.generation,
        generation_number=first.generation_number,
        sequence=min(reply.sequence for reply in replies),
        index=first.index,
        parameter=max(reply.parameter for reply in replies),
        expected_recall=min(reply.expected_recall for reply in replies),
    )


def as_object(text: str, what: str) -> dict[str, Any]:
    """A reply that is a JSON object."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise malformed(f"the daemon's reply to {what} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise malformed(f"the daemon's reply to {what} is no JSON object")
    return found
