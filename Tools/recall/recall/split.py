"""What a model may see, and what it is asked: leave-last-out by time.

The last click of each user is held out; everything a model, a sampler or a baseline learns from comes from the clicks before it.
Two things may still leak, and this split keeps both out: repeated clicks (a last click on an article that the user has read
before is no question at all, so by default only first clicks count), and tables made before the cut (counts, popularity
and log q are all computed from `train`). What it does not rule out is that other users' clicks are later than the held-out
one; `before` cuts the whole log at one time instead, as a deployed model meets it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .data.clicks import Clicks
from .problem import Problem


@dataclass(frozen=True)
class Split:
    """train: what may be learnt from. Question i: what does `users[i]` click at `times[i]`? Answer: `items[i]`."""

    train: Clicks
    users: np.ndarray
    items: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.users)


def leave_last_out(
    clicks: Clicks, max_users: int | None = None, seed: int = 0, repeats: bool = False, before: float | None = None
) -> Split:
    """max_users: a seeded sample of the users to ask about; all last clicks are held out in any case.

    repeats: keep repeated clicks of a user on an item. before: train on clicks before this time only, and ask for the first
    click of each user after it.
    """
    log = clicks if repeats else clicks.first_per_user_and_item()
    offsets = log.offsets
    first, last = offsets[:-1], offsets[1:] - 1
    row = np.arange(len(log))
    if before is None:
        asked = np.flatnonzero(last > first)  # at least one click before
        held = last[asked]
        train = log.only(np.setdiff1d(row, held, assume_unique=True))
    else:
        known = np.flatnonzero(last >= first)
        early = np.add.reduceat((log.times < before).astype(np.int64), first[known])
        held = offsets[known] + early
        some = (early > 0) & (held <= last[known])
        asked, held = known[some], held[some]
        train = log.only(log.times < before)
    if not len(asked):
        raise Problem("no user has two different items in the log, so there is nothing to predict")
    if max_users is not None and len(asked) > max_users:
        keep = np.sort(np.random.default_rng([seed, 77]).choice(len(asked), max_users, replace=False))
        asked, held = asked[keep], held[keep]
    return Split(train, log.users[held], log.items[held], log.times[held])
