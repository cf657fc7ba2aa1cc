"""What may follow the fields of a message: options, each a u16 tag, a u32 length and so many bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ErrorCode, VecdError
from .wire import STR, U8, U16, U32, U64, Codec, Limits, Reader, Values, malformed


class Option(Codec):
    """A field that may be absent (None). Those of a message are its last, in the order of their tags."""

    def __init__(self, tag: int, value: Codec) -> None:
        self.tag = tag
        self.value = value

    def encode(self, value: Any, out: list[Any]) -> None:
        if value is None:
            return
        content: list[Any] = []
        self.value.encode(value, content)
        U16.encode(self.tag, out)
        U32.encode(sum(map(len, content)), out)
        out += content


class Mark(Codec):
    """What an option without bytes says by being there: True."""

    def encode(self, value: bool, out: list[Any]) -> None:
        if value is not True:
            raise malformed(f"an option without bytes is True or None, not {value!r}")

    def decode(self, reader: Reader, name: str, seen: Values) -> bool:
        return True


class Last(Codec):
    """A field at the end of a reply, or nothing (None): only who asked knows whether it must be there."""

    def __init__(self, value: Codec) -> None:
        self.value = value

    def encode(self, value: Any, out: list[Any]) -> None:
        if value is not None:
            self.value.encode(value, out)

    def decode(self, reader: Reader, name: str, seen: Values) -> Any:
        return self.value.decode(reader, name, seen) if reader.left else None


def read_options(reader: Reader, known: dict[str, Option], seen: Values, skips_unknown: bool = False) -> Values:
    """The value of each option by its field, to the end of the body. A form error anywhere goes before an unknown tag."""
    found: Values = dict.fromkeys(known)
    by_tag = {option.tag: (name, option.value) for name, option in known.items()}
    last, unknown = -1, -1
    while reader.left:
        tag, length = U16.decode(reader, "options", seen), U32.decode(reader, "options", seen)
        if tag <= last:
            raise malformed(f"option {tag} comes after option {last}, tags must ascend")
        last = tag
        content = reader.take(length, f"option {tag}")
        if tag not in by_tag:
            unknown = tag
            continue
        name, codec = by_tag[tag]
        inner = Reader(content)
        found[name] = codec.decode(inner, name, seen)
        inner.end(f"option {tag}")
    if unknown >= 0 and not skips_unknown:
        raise VecdError(ErrorCode.NOT_AVAILABLE, f"option {unknown} is unknown to this version")
    return found


class SetNames(Codec):
    """Names of sets that the daemon keeps, as a tuple: one for all queries or one for each, an empty one for none."""

    def encode(self, value: Sequence[str], out: list[Any]) -> None:
        U32.encode(len(value), out)
        for name in value:
            STR.encode(name, out)

    def decode(self, reader: Reader, name: str, seen: Values) -> tuple[str, ...]:
        count = U32.decode(reader, name, seen)
        if count not in (1, seen["query_count"]):
            raise malformed(f"{name} holds {count} names, expected 1 or {seen['query_count']}, the number of queries")
        return tuple(STR.decode(reader, name, seen) for _ in range(count))


class IdSets(Codec):
    """Sets of ids, ascending, as a tuple of uint64 arrays: the first id, then the gaps in the least width that all fit."""

    def encode(self, value: Sequence[np.ndarray], out: list[Any]) -> None:
        U32.encode(len(value), out)
        for ids in value:
            U32.encode(len(ids), out)
            if len(ids):
                gaps = np.diff(ids)
                width = _width(int(gaps.max(initial=0)))
                U8.encode(width, out)
                U64.encode(int(ids[0]), out)
                out.append(gaps.astype(f"<u{width}").tobytes())

    def decode(self, reader: Reader, name: str, seen: Values) -> tuple[np.ndarray, ...]:
        count = U32.decode(reader, name, seen)
        if count not in (1, seen["query_count"]):
            raise malformed(f"{name} holds {count} sets, expected 1 or {seen['query_count']}, the number of queries")
        sets: list[np.ndarray] = []
        total = 0
        for _ in range(count):
            size = U32.decode(reader, name, seen)
            total += size
            if total > Limits.EXCLUDED_IDS:
                raise VecdError(ErrorCode.LIMIT_EXCEEDED, f"{name} holds {total} ids, at most {Limits.EXCLUDED_IDS}")
            sets.append(self._ids(reader, name, seen, size) if size else np.empty(0, "<u8"))
        return tuple(sets)

    @staticmethod
    def _ids(reader: Reader, name: str, seen: Values, size: int) -> np.ndarray:
        width, first = U8.decode(reader, name, seen), U64.decode(reader, name, seen)
        if width not in (1, 2, 4, 8):
            raise malformed(f"{name}: gaps have {width} bytes, expected 1, 2, 4 or 8")
        gaps = np.frombuffer(reader.take((size - 1) * width, name), f"<u{width}").astype("<u8")
        if width != _width(int(gaps.max(initial=0))):
            raise malformed(f"{name}: gaps have {width} bytes and fit in fewer")
        ids = np.empty(size, "<u8")
        ids[0], ids[1:] = first, gaps
        np.cumsum(ids, out=ids)
        if not (ids[1:] > ids[:-1]).all():
            raise malformed(f"{name} do not ascend")
        return ids


def _width(greatest: int) -> int:
    return next(width for width in (1, 2, 4, 8) if greatest < 1 << 8 * width)
