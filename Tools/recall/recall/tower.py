"""The exported user tower, run by onnxruntime: what a service loads. No torch here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

AGE_LIMIT_DAYS = 365.0


class Tower:
    """One thread and sequential execution, so that the same history gives the same bits whatever runs beside it."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs = {given.name for given in self._session.get_inputs()}
        self.length = int(next(given.shape[1] for given in self._session.get_inputs() if given.name == "items"))

    def __call__(self, items: np.ndarray, ages: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(B, K, d) of window items (catalogue index + 1, 0 at the left for padding), ages in days and feature codes."""
        given = {"items": items.astype(np.int64), "ages": ages.astype(np.float32), "features": features.astype(np.int64)}
        return self._session.run(["vectors"], {name: given[name] for name in given if name in self._inputs})[0]

    def windows(self, histories: list[np.ndarray], ages: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Catalogue indexes (-1: unknown, skipped) and ages, oldest first, as the two windows; the newest clicks count."""
        items = np.zeros((len(histories), self.length), np.int64)
        days = np.zeros((len(histories), self.length), np.float32)
        for row, (history, age) in enumerate(zip(histories, ages)):
            known = history >= 0
            kept, when = history[known][-self.length :], age[known][-self.length :]
            if len(kept):
                items[row, -len(kept) :] = kept + 1
                days[row, -len(kept) :] = np.clip(when, 0.0, AGE_LIMIT_DAYS)
        return items, days
