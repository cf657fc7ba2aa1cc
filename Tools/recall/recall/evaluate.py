"""How good candidates are: HitRate, NDCG and coverage, of any ranking, by exact search or through vecd.

Each question has one answer (leave-last-out), so with rank r of the answer, from 0:
HitRate@k = share of questions with r < k; NDCG@k = mean of 1 / log2(r + 2) where r < k, else 0 (the ideal ranking has the answer
first, so its gain is 1); coverage@k = share of the catalogue that is among the first k of at least one question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .exact import top_k
from .split import Split

DEPTHS = (50, 100, 500)


@dataclass(frozen=True)
class Quality:
    """Metrics by depth k, of `questions` questions."""

    hit_rate: dict[int, float]
    ndcg: dict[int, float]
    coverage: dict[int, float]
    questions: int

    def as_dict(self) -> dict:
        names = ("hit_rate", "ndcg", "coverage")
        out = {name: {str(k): round(v, 6) for k, v in getattr(self, name).items()} for name in names}
        return {**out, "questions": self.questions}


def quality(found: np.ndarray, answers: np.ndarray, catalogue: int, depths: tuple[int, ...] = DEPTHS) -> Quality:
    """found (n, k) ids best first, -1 for none; answers (n,) ids. k: at least the largest depth, or the catalogue."""
    hits = found == answers[:, None]
    rank = np.where(hits.any(axis=1), hits.argmax(axis=1), np.iinfo(np.int64).max)
    gain = np.where(rank < found.shape[1], 1.0 / np.log2(np.minimum(rank, 1 << 40) + 2.0), 0.0)
    shown = {k: np.unique(found[:, :k]) for k in depths}
    return Quality(
        {k: float((rank < k).mean()) for k in depths},
        {k: float(np.where(rank < k, gain, 0.0).mean()) for k in depths},
        {k: float((ids != -1).sum() / catalogue) for k, ids in shown.items()},
        len(answers),
    )


def by_depth(
    search: Callable[[int], np.ndarray], answers: np.ndarray, catalogue: int, depths: tuple[int, ...] = DEPTHS
) -> Quality:
    """Of an index that is asked for each depth by itself, as a service does that shows so many: among the first 50 of 500 it
    finds more than among 50. search(k): (n, k) ids."""
    parts = [quality(search(k), answers, catalogue, (k,)) for k in depths]
    names = ("hit_rate", "ndcg", "coverage")
    joined = ({k: value for part in parts for k, value in getattr(part, name).items()} for name in names)
    return Quality(*joined, len(answers))


def seen_rows(split: Split) -> list[np.ndarray]:
    """Per question the items that the user has clicked before, as catalogue indexes: they are not asked for again."""
    offsets = split.train.offsets
    return [np.unique(split.train.items[offsets[user] : offsets[user + 1]]) for user in split.users]


def unseen_places(found: np.ndarray, seen_ids: list[np.ndarray], k: int) -> np.ndarray:
    """(n, k) places in each row of the first k ids that are there and not seen; -1 where a row has fewer."""
    out = np.full((len(found), k), -1, np.int64)
    for row, (line, seen) in enumerate(zip(found, seen_ids)):
        left = np.flatnonzero((line != -1) & ~np.isin(line, seen))[:k]
        out[row, : len(left)] = left
    return out


def drop_seen(found: np.ndarray, seen_ids: list[np.ndarray], k: int) -> np.ndarray:
    """The first k ids of each row without the seen ones; for rankings that were fetched deeper than k."""
    places = unseen_places(found, seen_ids, k)
    return np.where(places >= 0, np.take_along_axis(found, np.maximum(places, 0), axis=1), -1)


def by_exact_search(
    items: np.ndarray, keep: np.ndarray, ids: np.ndarray, users: np.ndarray, seen: list[np.ndarray], k: int, metric: str
) -> np.ndarray:
    """(n, k) ids. keep: the rows of the catalogue that are in the store; ids, seen: of and in the whole catalogue."""
    row_in_store = np.cumsum(keep) - 1
    return top_k(items[keep], ids[keep], users, k, metric, [row_in_store[rows[keep[rows]]] for rows in seen])


def by_ranking(ranking: np.ndarray, ids: np.ndarray, seen: list[np.ndarray], k: int) -> np.ndarray:
    """One ranking of catalogue indexes for everybody, without what each has seen: baselines."""
    deepest = max((len(rows) for rows in seen), default=0)
    head = ids[ranking[: k + deepest]].astype(np.int64)
    return drop_seen(np.broadcast_to(head, (len(seen), len(head))), [ids[rows].astype(np.int64) for rows in seen], k)


def popular(split: Split, recent: float | None = None) -> np.ndarray:
    """Catalogue indexes by training clicks, most first. recent: only of the last share of the log."""
    items = split.train.items
    if recent is not None:
        items = items[split.train.times >= np.quantile(split.train.times, 1.0 - recent)]
    return np.argsort(-np.bincount(items, minlength=len(split.train.item_ids)), kind="stable")


BASELINES: dict[str, Callable[[Split], np.ndarray]] = {
    "popularity": popular,
    "popularity, last tenth": lambda split: popular(split, 0.1),
}


def baselines(split: Split, ids: np.ndarray, seen: list[np.ndarray], depths: tuple[int, ...] = DEPTHS) -> dict[str, Quality]:
    answers = ids[split.items].astype(np.int64)
    k = max(depths)
    return {
        name: quality(by_ranking(ranking(split), ids, seen, k), answers, len(ids), depths) for name, ranking in BASELINES.items()
    }


def recall_of(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of the exact ids that were found, row by row."""
    parts = [np.isin(best[best != -1], line).mean() for line, best in zip(found, exact) if (best != -1).any()]
    return float(np.mean(parts)) if parts else 1.0
