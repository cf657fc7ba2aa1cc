"""Vectors out of a trained model: of the items, and of users at the time of a question."""

from __future__ import annotations

import numpy as np
import torch

from .data.clicks import Clicks
from .histories import user_batch
from .models import RecallModel

CHUNK = 4096


def item_vectors(model: RecallModel) -> np.ndarray:
    """(items, d) float32 in the order of the catalogue."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model.item_vectors(torch.arange(start, min(start + CHUNK, model.catalogue_size)) + 1)
            for start in range(0, model.catalogue_size, CHUNK)
        ]
    return torch.cat(parts).numpy()


def user_vectors(model: RecallModel, log: Clicks, users: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(users, K, d) float32: each user with all the clicks of the log, at the given time."""
    model.eval()
    ends = log.offsets[users + 1]
    length, names = model.options.history_length, tuple(log.user_features)
    with torch.inference_mode():
        parts = [
            model.user_vectors(user_batch(log, users[at], ends[at], times[at], length, names))
            for at in (slice(start, start + CHUNK) for start in range(0, len(users), CHUNK))
        ]
    return torch.cat(parts).numpy()
