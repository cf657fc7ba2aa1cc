"""The wire below the messages: limits, enumerations, frames, and codecs for the types of Formats/protocol.md.

Nothing here touches a socket. Everything decoded comes from outside and is checked; every failure is a
`VecdError` with code `malformed-frame` or `frame-too-long`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np

from .errors import ErrorCode, VecdError

PROTOCOL_VERSION = 1
MAGIC = 0x44434556
REPLY_BIT = 0x8000
HEADER = struct.Struct("<IIQHHI")


class Limits:
    """The numbers of "Limits" in Formats/protocol.md."""

    FRAME_BODY_BYTES = 64 << 20
    IN_FLIGHT = 256
    NAME_BYTES = 64
    DIMENSION = 4096
    K = 16_384
    INTERESTS = 8
    QUERIES = 4_096
    RESULTS = 2_097_152
    SAMPLE_QUERIES = 65_536
    INGEST_ROWS = 1_048_576
    GET_IDS = 65_536
    PING_BYTES = 65_536
    STRING_ID_BYTES = 256
    UPSERT_ROWS = 16_384
    UPSERT_BYTES = 8 << 20  # rows x (8 + 4 x dimension)
    DELETE_IDS = 65_536
    EXCLUDED_IDS = 262_144
    EXCLUDE_IDS = 65_536  # of one request, and of one set
    LIFETIME_SECONDS = 0xFFFF_FFFF
    BIAS_IDS = 65_536  # of one request
    BIAS = 1e9  # a bias is between minus this and this
    MODEL_BYTES = 128
    CAPTURED_QUERIES = 65_536  # and at most 16 MiB of vectors, which the daemon checks
    CHECK_QUERIES = 4_096
    PUBLISHES = 16


class Kind(IntEnum):
    HELLO = 1
    PING = 2
    CREATE = 3
    LIST = 4
    DROP = 5
    INGEST_BEGIN = 6
    INGEST_ROWS = 7
    INGEST_COMMIT = 8
    INGEST_ABORT = 9
    BUILD_INDEX = 10
    PUBLISH = 11
    ROLLBACK = 12
    VERIFY = 13
    GENERATIONS = 14
    SEARCH = 15
    GET = 16
    STATS = 17
    UPSERT = 18
    DELETE = 19
    SEAL = 20
    COMPACT = 21
    SNAPSHOT = 22
    CANCEL_BUILD = 23
    DESCRIBE = 24
    ADD_ATTRIBUTE = 25
    EXCLUDE = 26
    FORGET_EXCLUSIONS = 27
    EXCLUSIONS = 28
    CONFIGURE = 29
    CAPTURED_QUERIES = 30
    PUBLISH_TOGETHER = 31
    BIAS = 32
    FORGET_BIASES = 33
    BIASES = 34


class Metric(IntEnum):
    IP = 0
    COSINE = 1
    L2 = 2


class Element(IntEnum):
    F32 = 0
    F16 = 1
    BF16 = 2

    @property
    def dtype(self) -> np.dtype:
        """How numpy holds it; bf16 as its raw 16 bits."""
        return np.dtype(("<f4", "<f2", "<u2")[self])


class Index(IntEnum):
    AUTO = 0  # in replies: none
    FLAT = 1
    IVF = 2
    HNSW = 3


class State(IntEnum):
    BUILDING = 0
    BUILT = 1
    LIVE = 2
    RETIRED = 3


class Effort(IntEnum):
    DEFAULT = 0
    RECALL = 1
    EF = 2
    NPROBE = 3
    EXACT = 4


class IdKind(IntEnum):
    """What the items of a collection are known by."""

    NUMBER = 0
    STRING = 1


class ModelPolicy(IntEnum):
    """What becomes of a search that states another model version than the generation's."""

    REFUSE = 0
    ROUTE = 1
    COUNT = 2


class Fields(IntFlag):
    """What comes with an item besides its vector or score."""

    ATTRIBUTES = 1
    PAYLOAD = 2
    STRING_ID = 4


def malformed(message: str) -> VecdError:
    return VecdError(ErrorCode.MALFORMED_FRAME, message)


@dataclass(frozen=True)
class Header:
    """The 24 bytes before every body."""

    body_length: int
    request_id: int
    kind: int
    status: int = 0
    deadline: int = 0

    def encode(self) -> bytes:
        return HEADER.pack(
            MAGIC, self.body_length, self.request_id, self.kind, self.status, self.deadline
        )

    @classmethod
    def decode(cls, data: bytes | memoryview, limit: int = Limits.FRAME_BODY_BYTES) -> Header:
        if len(data) < HEADER.size:
            raise malformed(f"a frame header is {HEADER.size} bytes, got {len(data)}")
        magic, length, request_id, kind, status, deadline = HEADER.unpack_from(data)
        if magic != MAGIC:
            raise malformed(f"frame magic is 0x{magic:08x}, expected 0x{MAGIC:08x}")
        if length > limit:
            raise VecdError(
                ErrorCode.FRAME_TOO_LONG, f"a frame announces {length} bytes, at most {limit} are allowed"
            )
        return cls(length, request_id, kind, status, deadline)


class Reader:
    """Takes values off the front of a body; never reads past its end."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.data = memoryview(data)
        self.offset = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.offset

    def take(self, count: int, what: str) -> memoryview:
        if count > self.left:
            raise malformed(f"{what} needs {count} bytes at offset {self.offset}, {self.left} are left")
        piece = self.data[self.offset : self.offset + count]
        self.offset += count
        return piece

    def end(self, what: str) -> None:
        if self.left:
            raise malformed(f"{what} has {self.left} bytes after its last field")


Values = dict[str, Any]


class Codec:
    """One field type: bytes in both directions. `seen` holds the fields decoded before this one."""

    def encode(self, value: Any, out: list[Any]) -> None:
        raise NotImplementedError

    def decode(self, reader: Reader, name: str, seen: Values) -> Any:
        raise NotImplementedError


class Number(Codec):
    def __init__(self, code: str) -> None:
        self.packer = struct.Struct("<" + code)

    def encode(self, value: Any, out: list[Any]) -> None:
        try:
            out.append(self.packer.pack(value))
        except struct.error as error:
            raise malformed(f"{value!r} does not fit its field: {error}") from None

    def decode(self, reader: Reader, name: str, seen: Values) -> Any:
        return self.packer.unpack(reader.take(self.packer.size, name))[0]


U8, U16, U32, U64, I64, F32, F64 = (Number(code) for code in "BHIQqfd")


class Bool(Codec):
    def encode(self, value: Any, out: list[Any]) -> None:
        out.append(b"\1" if value else b"\0")

    def decode(self, reader: Reader, name: str, seen: Values) -> bool:
        byte = reader.take(1, name)[0]
        if byte > 1:
            raise malformed(f"{name} is {byte}, expected 0 or 1")
        return byte == 1


class Choice(Codec):
    """A u8 of one enumeration; any other value is refused."""

    def __init__(self, enumeration: type[IntEnum]) -> None:
        self.enumeration = enumeration

    def encode(self, value: Any, out: list[Any]) -> None:
        out.append(bytes([self.enumeration(value)]))

    def decode(self, reader: Reader, name: str, seen: Values) -> Any:
        byte = reader.take(1, name)[0]
        try:
            return self.enumeration(byte)
        except ValueError:
            allowed = ", ".join(str(int(item)) for item in self.enumeration)
            raise malformed(f"{name} is {byte}, expected one of {allowed}") from None


class Flags(Codec):
    """A u8 of the bits of one enumeration, at least one of them set; others are refused."""

    def __init__(self, enumeration: type[IntFlag]) -> None:
        self.enumeration = enumeration
        self.all = sum(enumeration)

    def encode(self, value: Any, out: list[Any]) -> None:
        U8.encode(int(value), out)

    def decode(self, reader: Reader, name: str, seen: Values) -> Any:
        byte = reader.take(1, name)[0]
        if not byte or byte & ~self.all:
            raise malformed(f"{name} is {byte}, expected bits of {self.all}, one or more")
        return self.enumeration(byte)


class Text(Codec):
    """UTF-8 after its byte length: `str` with a u16, `text` with a u32."""

    def __init__(self, length: Number) -> None:
        self.length = length

    def encode(self, value: Any, out: list[Any]) -> None:
        try:
            data = value.encode("utf-8")
        except (AttributeError, UnicodeEncodeError):
            raise VecdError(ErrorCode.INVALID_ARGUMENT, f"expected text, got {value!r}") from None
        self.length.encode(len(data), out)
        out.append(data)

    def decode(self, reader: Reader, name: str, seen: Values) -> str:
        data = reader.take(self.length.decode(reader, name, seen), name)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise malformed(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None


STR, TEXT, BOOL = Text(U16), Text(U32), Bool()


class Texts(Codec):
    """So many `str`, as a tuple."""

    def __init__(self, size: Callable[[Values], int]) -> None:
        self.size = size

    def encode(self, value: Any, out: list[Any]) -> None:
        for text in value:
            STR.encode(text, out)

    def decode(self, reader: Reader, name: str, seen: Values) -> tuple[str, ...]:
        return tuple(STR.decode(reader, name, seen) for _ in range(self.size(seen)))


class Rest(Codec):
    """Opaque bytes up to the end of the body."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def encode(self, value: Any, out: list[Any]) -> None:
        out.append(bytes(value))

    def decode(self, reader: Reader, name: str, seen: Values) -> bytes:
        if reader.left > self.limit:
            raise VecdError(ErrorCode.LIMIT_EXCEEDED, f"{name} is {reader.left} bytes, at most {self.limit}")
        return bytes(reader.take(reader.left, name))


class Fixed(Codec):
    """A set number of opaque bytes."""

    def __init__(self, count: int) -> None:
        self.count = count

    def encode(self, value: Any, out: list[Any]) -> None:
        if len(value) != self.count:
            raise malformed(f"{len(value)} bytes were given, expected {self.count}")
        out.append(bytes(value))

    def decode(self, reader: Reader, name: str, seen: Values) -> bytes:
        return bytes(reader.take(self.count, name))


class Array(Codec):
    """A flat array whose length, and perhaps whose dtype, follows from earlier fields. Decoding does not copy."""

    def __init__(self, dtype: str | Callable[[Values], np.dtype], size: Callable[[Values], int]) -> None:
        self.dtype = dtype
        self.size = size

    def encode(self, value: Any, out: list[Any]) -> None:
        array = np.ascontiguousarray(value).reshape(-1)
        out.append(memoryview(array.view(np.uint8)))

    def resolve(self, seen: Values) -> np.dtype:
        return self.dtype(seen) if callable(self.dtype) else np.dtype(self.dtype)

    def decode(self, reader: Reader, name: str, seen: Values) -> np.ndarray:
        dtype, count = self.resolve(seen), int(self.size(seen))
        return np.frombuffer(reader.take(count * dtype.itemsize, name), dtype=dtype)
