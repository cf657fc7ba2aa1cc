"""Negatives drawn from q(i) ~ freq(i)^alpha, and log q for the correction (Mikolov et al. 2013: alpha 0.75)."""

from __future__ import annotations

import numpy as np

from .problem import Problem


class NegativeSampler:
    """Draws catalogue indexes with replacement. Items that were never clicked have q = 0: they are never drawn."""

    def __init__(self, counts: np.ndarray, alpha: float, rng: np.random.Generator) -> None:
        if not alpha >= 0:
            raise Problem(f"alpha is {alpha}, expected 0 (uniform over clicked items) or more; 0.75 is usual")
        weight = np.where(counts > 0, np.maximum(counts, 1).astype(np.float64) ** alpha, 0.0)
        self.q = weight / weight.sum()
        self._edges = np.cumsum(self.q)
        self._last = int(np.flatnonzero(weight)[-1])
        self._rng = rng

    def draw(self, count: int) -> np.ndarray:
        return np.minimum(np.searchsorted(self._edges, self._rng.random(count), side="right"), self._last)

    def log_expected(self, count: int) -> np.ndarray:
        """log of how often each item is expected among `count` draws: the correction of sampled softmax."""
        return np.log(np.maximum(self.q * count, 1e-12)).astype(np.float32)
