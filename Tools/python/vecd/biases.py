"""Named sets of biases that the daemon keeps: boosts, or corrections, which a search that names one adds to scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import protocol as p
from .arrays import bad, ids_and_texts
from .exclusions import check_name
from .filter import quoted
from .wire import Limits, malformed
from .writes import send_again

if TYPE_CHECKING:
    from .client import Client

_NUMBERS = (int, float, np.integer, np.floating)
_RANGE = f"a number between -{Limits.BIAS:g} and {Limits.BIAS:g}"


@dataclass
class Biases:
    """What a set adds to scores now. ids: (n,) uint64, ascending. values: (n,) float32, none of them 0."""

    ids: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def put(client: Client, collection: str, name: str, ids: Any, values: Any, timeout: Any) -> int:
    keys, texts = ids_and_texts(ids)
    if not len(keys):
        raise bad("there are no ids; pass at least one")
    biases = as_biases(values, keys if texts is None else texts)
    check_bias_set(name)
    held = 0
    for start in range(0, len(keys), Limits.BIAS_IDS):
        part = slice(start, start + Limits.BIAS_IDS)
        # Put twice they are as put once.
        message = p.BiasRequest(collection, name, len(keys[part]), keys[part], biases[part])
        held = send_again(client, message, timeout).ids
    return held


def read(client: Client, collection: str, name: str) -> Biases:
    check_bias_set(name)
    reply: p.BiasesReply = client._call(p.BiasesRequest(collection, name))
    if not (reply.ids[1:] > reply.ids[:-1]).all():
        raise malformed("ids of biases do not ascend")
    if not (_fits(reply.values) & (reply.values != 0)).all():
        raise malformed(f"a bias is 0, or beyond {Limits.BIAS:g}")
    return Biases(reply.ids, reply.values)


def as_biases(values: Any, ids: np.ndarray | list[str]) -> np.ndarray:
    """float32, one for each id or string id, refused as a whole."""
    if not isinstance(values, np.ndarray):
        items = list(values)
        if any(isinstance(item, (bool, np.bool_)) or not isinstance(item, _NUMBERS) for item in items):
            raise bad("values must be numbers, one for each id")
        try:
            values = np.array([float(item) for item in items], "<f8")
        except OverflowError:
            raise bad(f"each of values must be {_RANGE}") from None
    if values.ndim != 1:
        raise bad(f"values has shape {values.shape}, expected (n,)")
    if values.dtype.kind not in "fiu":
        raise bad(f"values has element type {values.dtype}, expected float32 or another type of real numbers")
    if len(values) != len(ids):
        raise bad(f"{len(values)} values for {len(ids)} ids; pass one for each")
    fits = _fits(values)
    if not fits.all():
        place = int(np.argmin(fits))
        own = ids[place]
        raise bad(f"the bias of id {quoted(own) if isinstance(own, str) else own} is {values[place]}, expected {_RANGE}")
    return np.ascontiguousarray(values, dtype="<f4")


def check_bias_set(name: Any) -> None:
    check_name(name, "bias set")


def _fits(values: np.ndarray) -> np.ndarray:
    """Which are numbers in their range; as float64, in which the narrower types cannot overflow."""
    return np.abs(values.astype(np.float64)) <= Limits.BIAS
