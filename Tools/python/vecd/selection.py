"""How the results of a search are chosen from its candidates, as options of the wire: groups, quotas, diversity, weights and
log-sum-exp."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import protocol as p
from .arrays import bad, whole
from .wire import Limits

Selection = tuple[p.Group | None, np.ndarray | None, p.Diversity | None, np.ndarray | None, float | None]


def selection(
    k: int, interests: int, group_by: str | None, group_limit: int, quotas: Any, diversity: float | None,
    pool: int | None, weights: Any, log_sum_exp: float | None,
) -> Selection:
    """The options 8 to 12 of a search; None for each that was not asked for."""
    group = None
    if group_by is not None:
        group = p.Group(group_by, whole(group_limit, "group_limit", 1, 0xFFFF_FFFF))
    elif group_limit != 1:
        raise bad("group_limit is given without group_by, the attribute to group by")
    if log_sum_exp is not None and not 0 < log_sum_exp < float("inf"):
        raise bad(f"log_sum_exp is {log_sum_exp}, expected a temperature above 0")
    quota, mmr = _quotas(quotas, k, interests), _diversity(diversity, pool, k)
    return group, quota, mmr, _weights(weights, interests), log_sum_exp


def _quotas(quotas: Any, k: int, interests: int) -> np.ndarray | None:
    if quotas is None:
        return None
    pairs = [tuple(pair) for pair in quotas]
    if len(pairs) != interests or any(len(pair) != 2 for pair in pairs):
        raise bad(f"quotas hold {len(pairs)} entries, expected a pair (least, most) for each of the {interests} interests")
    counts = [(_count(least, k), _count(most, k)) for least, most in pairs]
    for interest, (least, most) in enumerate(counts):
        if least > most:
            raise bad(f"the quota of interest {interest} is {least} to {most}, least must not be above most")
    if sum(least for least, _ in counts) > k:
        raise bad(f"the least quotas add up to {sum(least for least, _ in counts)}, k is {k}")
    return np.array(counts, "<u4").reshape(-1)


def _count(value: Any, k: int) -> int:
    """A count, or a share of k when it is a float; None is as many as there are."""
    if value is None:
        return k
    if isinstance(value, (float, np.floating)):
        if not 0 <= value <= 1:
            raise bad(f"a quota is {value}, expected a share of 0 to 1 or a whole number of results")
        return int(round(float(value) * k))
    return whole(value, "quota", 0, 0xFFFF_FFFF)


def _diversity(diversity: float | None, pool: int | None, k: int) -> p.Diversity | None:
    if diversity is None:
        if pool is not None:
            raise bad("pool is given without diversity, the weight of the score against that of difference")
        return None
    if not 0 <= diversity <= 1:
        raise bad(f"diversity is {diversity}, expected 0 (by difference alone) to 1 (by score alone)")
    return p.Diversity(float(diversity), 0 if pool is None else whole(pool, "pool", k, Limits.K))


def _weights(weights: Any, interests: int) -> np.ndarray | None:
    if weights is None:
        return None
    values = np.asarray(weights, "<f4").reshape(-1)
    if len(values) != interests or not (np.isfinite(values) & (values > 0)).all():
        raise bad(f"weights are {values.tolist()}, expected a number above 0 for each of the {interests} interests")
    return values
