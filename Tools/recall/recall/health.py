"""Vectors that a store should not be given, and those that cap what an index can do: found, counted, left out or kept by rule."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

# Below this, the square of a norm underflows float32, and a row is as good as zero.
TINY_NORM = 1e-18


@dataclass(frozen=True)
class Health:
    rows: int           # vectors of the model
    not_finite: int     # with a NaN or an infinity: left out
    zero: int           # of norm below TINY_NORM: left out, no similarity to anything
    untrained: int      # items without a training click whose vector is what it was initialised to: left out
    duplicates: int     # rows equal to an earlier row, among those kept: kept, as each is an item of its own
    kept: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def line(self) -> str:
        return (
            f"{self.kept:,} of {self.rows:,} item vectors kept; left out {self.not_finite:,} not finite, {self.zero:,} zero, "
            f"{self.untrained:,} untrained; {self.duplicates:,} equal another"
        )


def inspect(vectors: np.ndarray, trained: np.ndarray | None = None) -> tuple[np.ndarray, Health]:
    """Which rows to publish (bool), and why not the others. A row counts under the first reason that applies."""
    finite = np.isfinite(vectors).all(axis=1)
    norms = np.linalg.norm(np.where(finite[:, None], vectors, 0).astype(np.float64), axis=1)
    nonzero = norms >= TINY_NORM
    known = np.ones(len(vectors), bool) if trained is None else trained
    keep = finite & nonzero & known
    kept = np.ascontiguousarray(vectors[keep].astype(np.float32) + 0.0)  # -0 and 0 are equal
    distinct = len(np.unique(kept.view(np.dtype((np.void, kept.shape[1] * 4))))) if len(kept) else 0
    return keep, Health(
        len(vectors), int((~finite).sum()), int((finite & ~nonzero).sum()), int((finite & nonzero & ~known).sum()),
        int(keep.sum()) - distinct, int(keep.sum()),
    )
