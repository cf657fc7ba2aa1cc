"""String ids: texts that the items of a collection are known by, and their hashes (Formats/string-ids.md).

    string_id_hash("sku-17")            # the id by which it travels
    hashes(["sku-17", "sku-42"])        # (n,) uint64
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import BadInput, ErrorCode
from .filter import quoted
from .wire import Limits


def string_id_hash(text: str) -> int:
    """The upper 63 bits of XXH64 with seed 0."""
    return _hash(encoded(text, "string id"))


def hashes(texts: Sequence[str], what: str = "ids") -> np.ndarray:
    """(n,) uint64. `BadInput` names the first text that cannot be a string id."""
    return np.fromiter((_hash(encoded(text, what, n)) for n, text in enumerate(texts)), "<u8", len(texts))


def as_texts(ids: Any, what: str = "ids") -> list[str] | None:
    """The texts of a sequence of them; None when it holds none, but for an empty array whose type says texts. A mix of texts
    and numbers is refused."""
    if isinstance(ids, (str, bytes)):
        raise _bad(f"{what} is one {type(ids).__name__}; pass a sequence of ids")
    if isinstance(ids, np.ndarray):
        if ids.dtype.kind not in "UTO" or ids.ndim != 1:
            return None
        if not ids.size:
            return []
        ids = ids.tolist()
    kinds = {isinstance(one, str) for one in ids}
    if kinds == {True, False}:
        place = next(n for n, one in enumerate(ids) if not isinstance(one, str))
        raise _bad(f"{what} holds texts, and at {place} {quoted(repr(ids[place]))}; pass texts alone or numbers alone")
    return list(ids) if kinds == {True} else None


def encoded(text: str, what: str, place: int | None = None) -> bytes:
    """The bytes of a text that can be a string id. place: where messages say that it stands."""
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        raise _bad(f"{_at(what, place)} {quoted(ascii(text))} has a lone surrogate") from None
    if not 1 <= len(raw) <= Limits.STRING_ID_BYTES:
        raise _bad(f"{_at(what, place)} {quoted(text)} has {len(raw)} bytes, must have 1 to {Limits.STRING_ID_BYTES}")
    # Printable texts, which nearly all are, have none of them.
    if not text.isprintable() and (control := [byte for byte in raw if byte < 0x20 or byte == 0x7F]):
        raise _bad(f"{_at(what, place)} {quoted(text)} has the control character {control[0]}, which no string id may have")
    return raw


def _at(what: str, place: int | None) -> str:
    return what if place is None else f"{what} at {place}:"


def _hash(raw: bytes) -> int:
    global _xxh64
    if _xxh64 is None:
        try:
            from xxhash import xxh64_intdigest
        except ImportError:
            raise BadInput(
                ErrorCode.NOT_AVAILABLE, "string ids need the package xxhash: pip install xxhash, or pass numbers") from None
        _xxh64 = xxh64_intdigest
    return _xxh64(raw) >> 1


_xxh64: Any = None


def _bad(message: str) -> BadInput:
    return BadInput(ErrorCode.INVALID_ARGUMENT, message)
