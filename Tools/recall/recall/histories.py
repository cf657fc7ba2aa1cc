"""Histories as fixed windows, cut from a log without a copy per sample.

Row numbers of a window are arithmetic: the L clicks before row p of a user whose clicks begin at row s are the rows
p - L ... p - 1 as far as they are not before s. So a batch is one gather, and memory does not grow with history length.
Items in windows are catalogue index + 1; 0 is padding. Newest clicks are at the right end, padding at the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .data.clicks import Clicks

PADDING = 0
AGE_LIMIT_DAYS = 365.0


@dataclass(frozen=True)
class UserBatch:
    """What a user tower takes. items: (B, L) int64; ages: (B, L) float32, days from each click to the request;
    features: (B, F) int64 codes; example_age: (B,) float32, 0 at serving."""

    items: torch.Tensor
    ages: torch.Tensor
    features: torch.Tensor
    example_age: torch.Tensor

    def __len__(self) -> int:
        return len(self.items)


def windows(log: Clicks, users: np.ndarray, ends: np.ndarray, times: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The last `length` clicks of each user before row `ends`, and their ages in days at `times`."""
    rows = ends[:, None] - np.arange(length, 0, -1)
    valid = rows >= log.offsets[users][:, None]
    rows = np.where(valid, rows, 0)
    items = np.where(valid, log.items[rows] + 1, PADDING)
    ages = np.where(valid, (times[:, None] - log.times[rows]) / 86_400.0, 0.0).clip(0.0, AGE_LIMIT_DAYS)
    return items, ages.astype(np.float32)


def feature_codes(log: Clicks, users: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(users, F) codes of the named user features."""
    columns = [log.user_features[name].codes[users] for name in names]
    return np.stack(columns, axis=1) if columns else np.zeros((len(users), 0), np.int64)


def user_batch(
    log: Clicks, users: np.ndarray, ends: np.ndarray, times: np.ndarray, length: int, features: tuple[str, ...],
    example_age: np.ndarray | None = None,
) -> UserBatch:
    items, ages = windows(log, users, ends, times, length)
    age = np.zeros(len(users), np.float32) if example_age is None else example_age.astype(np.float32)
    return UserBatch(
        torch.from_numpy(items), torch.from_numpy(ages), torch.from_numpy(feature_codes(log, users, features)),
        torch.from_numpy(age),
    )


def raw_batch(histories: list[list[int]], ages: list[list[float]], length: int, features: np.ndarray) -> UserBatch:
    """From lists of window items (index + 1, oldest first), as a service has them. Only the newest `length` count."""
    items = np.zeros((len(histories), length), np.int64)
    days = np.zeros((len(histories), length), np.float32)
    for row, (history, age) in enumerate(zip(histories, ages)):
        kept = history[-length:]
        if kept:
            items[row, -len(kept):] = kept
            days[row, -len(kept):] = np.clip(age[-length:], 0.0, AGE_LIMIT_DAYS)
    return UserBatch(
        torch.from_numpy(items), torch.from_numpy(days), torch.from_numpy(features.astype(np.int64)),
        torch.zeros(len(histories)),
    )
