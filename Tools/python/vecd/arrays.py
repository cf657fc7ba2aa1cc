"""What callers hand in, made into what goes on the wire, or refused with what would be right."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .errors import BadInput, ErrorCode
from .string_ids import as_texts, hashes
from .wire import Element, Limits


_MODEL = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:/@+-]{{0,{Limits.MODEL_BYTES - 1}}}")
_GREATEST_F32 = float(np.finfo(np.float32).max)


def bad(message: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> BadInput:
    return BadInput(code, message)


def as_vectors(vectors: Any, what: str, dimensions: tuple[int, ...]) -> np.ndarray:
    """A floating point array of one of the allowed numbers of dimensions. Not converted, not copied."""
    array = vectors if isinstance(vectors, np.ndarray) else np.asarray(vectors)
    if array.dtype == object:
        raise bad(f"{what} is ragged or holds objects; pass rows of equal length")
    if array.ndim not in dimensions:
        shapes = {1: "(d,)", 2: "(n, d)", 3: "(n, interests, d)"}
        right = " or ".join(shapes[count] for count in dimensions)
        raise bad(f"{what} has shape {array.shape}, expected {right}")
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise bad(
            f"{what} has element type {array.dtype}, expected float32, float16 or float64; "
            f"convert with .astype(numpy.float32)"
        )
    whole(array.shape[-1], f"the dimension of {what}", 1, Limits.DIMENSION)
    return array


def for_wire(array: np.ndarray, what: str, first_row: int = 0) -> tuple[Element, np.ndarray]:
    """The element type to send and the rows in it: C order, little-endian, float16 kept, float64 narrowed."""
    if array.dtype.name == "bfloat16":
        return Element.BF16, np.ascontiguousarray(array).view(np.uint16)
    if array.dtype.itemsize == 2:
        return Element.F16, np.ascontiguousarray(array, dtype="<f2")
    return Element.F32, as_float32(array, what, first_row)


def as_float32(array: np.ndarray, what: str, first_row: int = 0) -> np.ndarray:
    """float32, C order. A finite value that would become infinite is refused; NaN and inf are left to the daemon."""
    if array.dtype.itemsize <= 4:
        return np.ascontiguousarray(array, dtype="<f4")
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(array, dtype="<f4")
    lost = np.isinf(narrow) & np.isfinite(array)
    if lost.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(lost))
        row = place[0] + first_row if len(place) > 1 else first_row
        raise bad(
            f"{what} row {row}, component {place[-1]}: {array[place]} does not fit float32 (at most 3.4e38)",
            ErrorCode.VALUE_NOT_FINITE,
        )
    return narrow


def as_ids(ids: Any, what: str = "ids") -> np.ndarray:
    """uint64, one dimension; of texts their hashes. Negative numbers, floats and bools are refused."""
    return ids_and_texts(ids, what)[0]


def ids_and_texts(ids: Any, what: str = "ids") -> tuple[np.ndarray, list[str] | None]:
    """The same, and the texts where they are such."""
    ids = ids if isinstance(ids, (np.ndarray, str, bytes)) else list(ids)
    texts = as_texts(ids, what)
    return (_numbers(ids, what), None) if texts is None else (hashes(texts, what), texts)


def _numbers(ids: Any, what: str) -> np.ndarray:
    if not isinstance(ids, np.ndarray):
        items = ids
        if any(isinstance(item, (bool, np.bool_)) or not isinstance(item, (int, np.integer)) for item in items):
            raise bad(f"{what} must be whole numbers from 0 to 2^64 - 1, or texts")
        try:
            return np.array([int(item) for item in items], dtype="<u8")
        except OverflowError:
            raise bad(f"{what} must be whole numbers from 0 to 2^64 - 1") from None
    if ids.ndim != 1:
        raise bad(f"{what} has shape {ids.shape}, expected (n,)")
    if ids.dtype.kind not in "iu":
        raise bad(f"{what} has element type {ids.dtype}, expected uint64 or another integer type, or texts")
    if ids.dtype.kind == "i" and ids.size and int(ids.min()) < 0:
        raise bad(f"{what} at position {int(np.argmax(ids < 0))} is negative, expected 0 to 2^64 - 1")
    return np.ascontiguousarray(ids, dtype="<u8")


def as_id_sets(exclude: Any, count: int) -> tuple[np.ndarray, ...] | None:
    """Ids to exclude, ascending and each once: one set for all queries from a flat sequence, or one for each of `count`
    queries from a sequence of sequences. None for none."""
    if exclude is None:
        return None
    exclude = exclude if isinstance(exclude, (np.ndarray, str, bytes)) else list(exclude)
    is_nested = isinstance(exclude, list) and len(exclude) > 0 and np.ndim(exclude[0]) > 0
    sets = [np.unique(as_ids(ids, "exclude")) for ids in exclude] if is_nested else [np.unique(as_ids(exclude, "exclude"))]
    if is_nested and len(sets) != count:
        raise bad(f"exclude holds {len(sets)} sets of ids for {count} queries; give one for all, or one for each")
    greatest = max(map(len, sets))
    if greatest > Limits.EXCLUDED_IDS:
        raise bad(f"exclude holds {greatest} ids, at most {Limits.EXCLUDED_IDS}", ErrorCode.LIMIT_EXCEEDED)
    return tuple(sets) if greatest else None


def choose(enumeration: Any, value: Any, what: str) -> Any:
    """A member of the enumeration from itself, its number or its name."""
    try:
        if isinstance(value, str):
            return enumeration[value.upper()]
        return enumeration(value)
    except (KeyError, ValueError):
        names = ", ".join(item.name.lower() for item in enumeration)
        raise bad(f"{what} is {value!r}, expected one of {names}") from None


def whole(value: Any, what: str, least: int, greatest: int) -> int:
    """As the daemon answers: below its range a value is `invalid-argument`, above `limit-exceeded`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise bad(f"{what} is {value!r}, expected a whole number from {least} to {greatest}")
    if not least <= value <= greatest:
        code = ErrorCode.INVALID_ARGUMENT if value < least else ErrorCode.LIMIT_EXCEEDED
        raise bad(f"{what} is {value}, expected {least} to {greatest}", code)
    return int(value)


def share(value: float, what: str) -> float:
    if not 0 < value <= 1:
        raise bad(f"{what} is {value!r}, expected a number above 0 and up to 1")
    return value


def ratio(value: Any, what: str, greatest: float = 1.0) -> float:
    """A number from 0 to the greatest."""
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= greatest:
        raise bad(f"{what} is {value!r}, expected a number from 0 to {greatest:.3g}")
    return float(value)


def measure(value: Any, what: str) -> float:
    """A number from 0 on that an f32 can hold."""
    return ratio(value, what, _GREATEST_F32)


def as_model(model: Any, what: str = "model") -> str | None:
    """A model version, or None for none."""
    if model is not None and not (isinstance(model, str) and _MODEL.fullmatch(model)):
        raise bad(
            f"{what} {model!r}: use 1 to {Limits.MODEL_BYTES} of A-Z a-z 0-9 . _ : / @ + -, starting with a letter or digit")
    return model
