"""Every message of Formats/protocol.md, both directions, as plain data. No sockets, no clock.

A message is a dataclass whose fields name their wire type; the order of the fields is the order on the wire.
Array fields are flat numpy arrays, as on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar

import numpy as np

from .errors import ErrorCode, VecdError
from .filter_bytes import FilterBytes
from .options import IdSets, Last, Mark, Option, SetNames, read_options
from .records import AttributeType, Record, read_records
from .wire import (
    BOOL, F32, HEADER, I64, PROTOCOL_VERSION, REPLY_BIT, STR, TEXT, U8, U16, U32, U64,
    Array, Choice, Codec, Effort, Element, Fields, Fixed, Flags, Header, IdKind, Index, Kind, Limits, Metric, ModelPolicy, Number,
    Reader, Rest, State, Texts, Values, malformed,
)


def wire(codec: Codec, **options: Any) -> Any:
    """A dataclass field with its wire type."""
    return field(metadata={"codec": codec}, **options)


@cache
def _layout(struct: type) -> tuple[tuple[str, Codec], ...]:
    """Names and wire types of its fields, looked up once: small requests are nearly nothing but this."""
    return tuple((item.name, item.metadata["codec"]) for item in fields(struct))


class Struct:
    """Fields one after the other; no frame of its own."""

    #: Whether options that are not known are left out and not refused: what a newer daemon tells besides.
    SKIPS_OPTIONS: ClassVar = False

    def write(self, out: list[Any]) -> None:
        seen: Values = {}
        for name, codec in _layout(type(self)):
            value = getattr(self, name)
            if isinstance(codec, Array):
                array = np.asarray(value)
                if array.size != int(codec.size(seen)) or array.dtype != codec.resolve(seen):
                    raise malformed(
                        f"{name} holds {array.size} x {array.dtype}, the fields before it promise "
                        f"{int(codec.size(seen))} x {codec.resolve(seen)}"
                    )
            codec.encode(value, out)
            seen[name] = value

    @classmethod
    def read(cls, reader: Reader) -> Any:
        seen: Values = {}
        options: dict[str, Option] = {}
        for name, codec in _layout(cls):
            if isinstance(codec, Option):
                options[name] = codec
            else:
                seen[name] = codec.decode(reader, f"{cls.__name__}.{name}", seen)
        if options or cls.SKIPS_OPTIONS:
            seen.update(read_options(reader, options, seen, skips_unknown=cls.SKIPS_OPTIONS))
        return cls(**seen)


class Message(Struct):
    """The body of one frame."""

    KIND: ClassVar[Kind]

    def parts(self) -> list[Any]:
        """The body as pieces to send one after the other; arrays are not copied."""
        out: list[Any] = []
        self.write(out)
        return out

    def encode(self) -> bytes:
        return b"".join(self.parts())

    @classmethod
    def decode(cls, body: bytes | bytearray | memoryview) -> Any:
        reader = Reader(body)
        message = cls.read(reader)
        reader.end(cls.__name__)
        return message


class Listing(Codec):
    """A count, u32 or narrower, then that many structs."""

    def __init__(self, element: type[Struct], count: Number = U32) -> None:
        self.element = element
        self.count = count

    def encode(self, value: Iterable[Struct], out: list[Any]) -> None:
        items = list(value)
        self.count.encode(len(items), out)
        for item in items:
            item.write(out)

    def decode(self, reader: Reader, name: str, seen: Values) -> list[Any]:
        return [self.element.read(reader) for _ in range(self.count.decode(reader, name, seen))]


class Bodies(Listing):
    """A u8 count, then that many messages, each as a u32 length and its body in so many bytes."""

    element: type[Message]

    def __init__(self, element: type[Message]) -> None:
        super().__init__(element, U8)

    def encode(self, value: Iterable[Message], out: list[Any]) -> None:  # type: ignore[override]
        items = list(value)
        self.count.encode(len(items), out)
        for item in items:
            parts = item.parts()
            U32.encode(sum(map(len, parts)), out)
            out += parts

    def decode(self, reader: Reader, name: str, seen: Values) -> list[Any]:
        count = self.count.decode(reader, name, seen)
        return [self.element.decode(reader.take(U32.decode(reader, name, seen), name)) for _ in range(count)]


class One(Codec):
    """A struct."""

    def __init__(self, element: type[Struct]) -> None:
        self.element = element

    def encode(self, value: Struct, out: list[Any]) -> None:
        value.write(out)

    def decode(self, reader: Reader, name: str, seen: Values) -> Any:
        return self.element.read(reader)


class RecordBytes(Codec):
    """So many records of Formats/attributes.md as their bytes, which is how requests are made. Read, they are checked."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def encode(self, value: bytes, out: list[Any]) -> None:
        out.append(value)

    def decode(self, reader: Reader, name: str, seen: Values) -> bytes:
        if reader.left > self.limit:
            raise VecdError(ErrorCode.LIMIT_EXCEEDED, f"{name} are {reader.left} bytes, at most {self.limit}")
        start = reader.offset
        read_records(reader, seen["count"], name)
        return bytes(reader.data[start : reader.offset])


class Records(Codec):
    """So many records at the end of a reply, or nothing (None): only who asked knows whether they must be there."""

    def __init__(self, count: Callable[[Values], int]) -> None:
        self.count = count

    def encode(self, value: list[Record] | None, out: list[Any]) -> None:
        out += [record.encode() for record in value or ()]

    def decode(self, reader: Reader, name: str, seen: Values) -> list[Record] | None:
        return read_records(reader, self.count(seen), name) if reader.left else None


REQUESTS: dict[Kind, type[Message]] = {}
REPLIES: dict[Kind, type[Message]] = {}


def request(kind: Kind) -> Any:
    return _register(kind, REQUESTS)


def reply(kind: Kind) -> Any:
    return _register(kind, REPLIES)


def _register(kind: Kind, table: dict[Kind, type[Message]]) -> Any:
    def mark(cls: type[Message]) -> type[Message]:
        cls.KIND = kind
        table[kind] = dataclass(cls)
        return table[kind]

    return mark


@request(Kind.HELLO)
class HelloRequest(Message):
    least_version: int = wire(U16)
    greatest_version: int = wire(U16)
    client_name: str = wire(STR)


@reply(Kind.HELLO)
class HelloReply(Message):
    version: int = wire(U16)
    daemon_version: str = wire(STR)
    frame_limit: int = wire(U32)
    in_flight_limit: int = wire(U32)
    greatest_k: int = wire(U32)
    greatest_dimension: int = wire(U32)


@request(Kind.PING)
class PingRequest(Message):
    bytes: Any = wire(Rest(Limits.PING_BYTES))


@reply(Kind.PING)
class PingReply(Message):
    bytes: Any = wire(Rest(Limits.PING_BYTES))


@dataclass
class AttributeDefinition(Struct):
    name: str = wire(STR)
    type: AttributeType = wire(Choice(AttributeType))


@request(Kind.CREATE)
class CreateRequest(Message):
    name: str = wire(STR)
    dimension: int = wire(U32)
    metric: Metric = wire(Choice(Metric))
    attributes: list[AttributeDefinition] | None = wire(Option(1, Listing(AttributeDefinition, U8)), default=None)
    ids: IdKind | None = wire(Option(2, Choice(IdKind)), default=None)


@reply(Kind.CREATE)
class CreateReply(Message):
    pass


@request(Kind.LIST)
class ListRequest(Message):
    pass


@dataclass
class Collection(Struct):
    """One line of `collections()`. `live_generation` and `fence` are empty for none and healthy."""

    name: str = wire(STR)
    dimension: int = wire(U32)
    metric: Metric = wire(Choice(Metric))
    sequence: int = wire(U64)
    live_generation: str = wire(STR)
    live_rows: int = wire(U64)
    generation_count: int = wire(U32)
    fence: str = wire(STR)


@reply(Kind.LIST)
class ListReply(Message):
    collections: list[Collection] = wire(Listing(Collection))


@request(Kind.DROP)
class DropRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)


@reply(Kind.DROP)
class DropReply(Message):
    pass


@request(Kind.INGEST_BEGIN)
class IngestBeginRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)
    model: str | None = wire(Option(1, STR), default=None)


@reply(Kind.INGEST_BEGIN)
class IngestBeginReply(Message):
    ingest: int = wire(U64)
    generation: str = wire(STR)
    dimension: int = wire(U32)
    metric: Metric = wire(Choice(Metric))


@request(Kind.INGEST_ROWS)
class IngestRowsRequest(Message):
    ingest: int = wire(U64)
    element: Element = wire(Choice(Element))
    dimension: int = wire(U32)
    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))
    elements: np.ndarray = wire(
        Array(lambda seen: seen["element"].dtype, lambda seen: seen["count"] * seen["dimension"])
    )
    records: bytes | None = wire(Option(1, RecordBytes(Limits.FRAME_BODY_BYTES)), default=None)


@reply(Kind.INGEST_ROWS)
class IngestRowsReply(Message):
    received: int = wire(U64)


@request(Kind.INGEST_COMMIT)
class IngestCommitRequest(Message):
    ingest: int = wire(U64)


@reply(Kind.INGEST_COMMIT)
class IngestCommitReply(Message):
    rows: int = wire(U64)
    bytes: int = wire(U64)
    element: Element = wire(Choice(Element))
    sequence: int = wire(U64)


@request(Kind.INGEST_ABORT)
class IngestAbortRequest(Message):
    ingest: int = wire(U64)


@reply(Kind.INGEST_ABORT)
class IngestAbortReply(Message):
    pass


@request(Kind.BUILD_INDEX)
class BuildIndexRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)
    index: Index = wire(Choice(Index))
    wait: bool = wire(BOOL)
    target_recall: float = wire(F32)
    sample_count: int = wire(U32)
    dimension: int = wire(U32)
    sample: np.ndarray = wire(Array("<f4", lambda seen: seen["sample_count"] * seen["dimension"]))


@reply(Kind.BUILD_INDEX)
class BuildIndexReply(Message):
    generation: str = wire(STR)
    report: str = wire(TEXT)


@dataclass
class Queries(Struct):
    count: int = wire(U32)
    dimension: int = wire(U32)
    vectors: np.ndarray = wire(Array("<f4", lambda seen: seen["count"] * seen["dimension"]))


@request(Kind.PUBLISH)
class PublishRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)
    has_expected: bool = wire(BOOL)
    expected: str = wire(STR)
    least_rows: int | None = wire(Option(1, U64), default=None)
    least_share: float | None = wire(Option(2, F32), default=None)
    least_recall: float | None = wire(Option(3, F32), default=None)
    least_overlap: float | None = wire(Option(4, F32), default=None)
    greatest_drift: float | None = wire(Option(5, F32), default=None)
    greatest_unseen: float | None = wire(Option(6, F32), default=None)
    model: str | None = wire(Option(7, STR), default=None)
    k: int | None = wire(Option(8, U32), default=None)
    queries: Queries | None = wire(Option(9, One(Queries)), default=None)
    live_queries: Queries | None = wire(Option(10, One(Queries)), default=None)
    dry_run: bool | None = wire(Option(11, Mark()), default=None)


@reply(Kind.PUBLISH)
class PublishReply(Message):
    """`report`: there when the request had options."""

    sequence: int = wire(U64)
    replaced: str = wire(STR)
    report: str | None = wire(Last(TEXT), default=None)


@request(Kind.ROLLBACK)
class RollbackRequest(Message):
    collection: str = wire(STR)


@reply(Kind.ROLLBACK)
class RollbackReply(Message):
    sequence: int = wire(U64)
    live: str = wire(STR)
    replaced: str = wire(STR)


@request(Kind.VERIFY)
class VerifyRequest(Message):
    collection: str = wire(STR)


@dataclass
class Finding(Struct):
    collection: str = wire(STR)
    file: str = wire(STR)
    message: str = wire(TEXT)


@reply(Kind.VERIFY)
class VerifyReply(Message):
    files: int = wire(U64)
    bytes: int = wire(U64)
    findings: list[Finding] = wire(Listing(Finding))


@request(Kind.GENERATIONS)
class GenerationsRequest(Message):
    collection: str = wire(STR)
    models: bool | None = wire(Option(1, Mark()), default=None)


@dataclass
class Generation(Struct):
    """One line of `generations()`. Times are milliseconds since 1970, -1 for never; build_progress -1 when none runs."""

    label: str = wire(STR)
    number: int = wire(U64)
    state: State = wire(Choice(State))
    index: Index = wire(Choice(Index))
    rows: int = wire(U64)
    bytes: int = wire(U64)
    segments: int = wire(U32)
    created: int = wire(I64)
    built: int = wire(I64)
    published: int = wire(I64)
    build_progress: float = wire(F32)
    build_error: str = wire(STR)


@reply(Kind.GENERATIONS)
class GenerationsReply(Message):
    """`models`: of each generation, empty for none; there when they were asked for."""

    generations: list[Generation] = wire(Listing(Generation))
    models: tuple[str, ...] | None = wire(Last(Texts(lambda seen: len(seen["generations"]))), default=None)


@dataclass
class Group(Struct):
    attribute: str = wire(STR)
    most: int = wire(U32)


@dataclass
class Diversity(Struct):
    relevance: float = wire(F32)
    pool: int = wire(U32)


@request(Kind.SEARCH)
class SearchRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)
    k: int = wire(U32)
    effort: Effort = wire(Choice(Effort))
    effort_value: int = wire(U32)
    index: Index = wire(Choice(Index))
    interests: int = wire(U16)
    query_count: int = wire(U32)
    dimension: int = wire(U32)
    vectors: np.ndarray = wire(
        Array("<f4", lambda seen: seen["query_count"] * seen["interests"] * seen["dimension"])
    )
    least_sequence: int | None = wire(Option(1, U64), default=None)
    excluded: tuple[np.ndarray, ...] | None = wire(Option(2, IdSets()), default=None)
    score_limit: float | None = wire(Option(3, F32), default=None)
    filter: bytes | None = wire(Option(4, FilterBytes()), default=None)
    fields: Fields | None = wire(Option(5, Flags(Fields)), default=None)
    exclude_sets: tuple[str, ...] | None = wire(Option(6, SetNames()), default=None)
    model: str | None = wire(Option(7, STR), default=None)
    group: Group | None = wire(Option(8, One(Group)), default=None)
    quotas: np.ndarray | None = wire(Option(9, Array("<u4", lambda seen: 2 * seen["interests"])), default=None)
    diversity: Diversity | None = wire(Option(10, One(Diversity)), default=None)
    weights: np.ndarray | None = wire(Option(11, Array("<f4", lambda seen: seen["interests"])), default=None)
    log_sum_exp: float | None = wire(Option(12, F32), default=None)
    bias: str | None = wire(Option(13, STR), default=None)


def _total(seen: Values) -> int:
    return int(seen["result_counts"].sum(dtype=np.uint64))


@reply(Kind.SEARCH)
class SearchReply(Message):
    generation: str = wire(STR)
    generation_number: int = wire(U64)
    sequence: int = wire(U64)
    index: Index = wire(Choice(Index))
    parameter: int = wire(U32)
    expected_recall: float = wire(F32)
    query_count: int = wire(U32)
    result_counts: np.ndarray = wire(Array("<u4", lambda seen: seen["query_count"]))
    ids: np.ndarray = wire(Array("<u8", _total))
    scores: np.ndarray = wire(Array("<f4", _total))
    interests: np.ndarray = wire(Array("u1", _total))
    records: list[Record] | None = wire(Records(_total), default=None)


@request(Kind.GET)
class GetRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)
    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))
    fields: Fields | None = wire(Option(1, Flags(Fields)), default=None)


def _found(seen: Values) -> int:
    if (seen["found"] > 1).any():
        raise malformed("GetReply.found holds a value other than 0 and 1")
    return int(seen["found"].sum(dtype=np.uint64))


@reply(Kind.GET)
class GetReply(Message):
    generation: str = wire(STR)
    dimension: int = wire(U32)
    count: int = wire(U32)
    found: np.ndarray = wire(Array("u1", lambda seen: seen["count"]))
    vectors: np.ndarray = wire(Array("<f4", lambda seen: _found(seen) * seen["dimension"]))
    records: list[Record] | None = wire(Records(_found), default=None)


@request(Kind.STATS)
class StatsRequest(Message):
    pass


@reply(Kind.STATS)
class StatsReply(Message):
    json: str = wire(TEXT)


NO_TOKEN = bytes(16)


@request(Kind.UPSERT)
class UpsertRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)
    token: bytes = wire(Fixed(16))
    dimension: int = wire(U32)
    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))
    vectors: np.ndarray = wire(Array("<f4", lambda seen: seen["count"] * seen["dimension"]))
    records: bytes | None = wire(Option(1, RecordBytes(Limits.UPSERT_BYTES)), default=None)
    model: str | None = wire(Option(2, STR), default=None)


@reply(Kind.UPSERT)
class UpsertReply(Message):
    """`existing`: how many of the ids were there before. `repeated`: the token was known, nothing was done now."""

    generation: str = wire(STR)
    sequence: int = wire(U64)
    existing: int = wire(U64)
    repeated: bool = wire(BOOL)


@request(Kind.DELETE)
class DeleteRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)
    token: bytes = wire(Fixed(16))
    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))


@reply(Kind.DELETE)
class DeleteReply(Message):
    """`existing`: how many of the ids were there and are not any more."""

    generation: str = wire(STR)
    sequence: int = wire(U64)
    existing: int = wire(U64)
    repeated: bool = wire(BOOL)


@request(Kind.SEAL)
class SealRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)


@reply(Kind.SEAL)
class SealReply(Message):
    json: str = wire(TEXT)


@request(Kind.COMPACT)
class CompactRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)


@reply(Kind.COMPACT)
class CompactReply(Message):
    json: str = wire(TEXT)


@request(Kind.SNAPSHOT)
class SnapshotRequest(Message):
    name: str = wire(STR)


@reply(Kind.SNAPSHOT)
class SnapshotReply(Message):
    json: str = wire(TEXT)


@request(Kind.CANCEL_BUILD)
class CancelBuildRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)


@reply(Kind.CANCEL_BUILD)
class CancelBuildReply(Message):
    was_running: bool = wire(BOOL)


@request(Kind.DESCRIBE)
class DescribeRequest(Message):
    collection: str = wire(STR)


@reply(Kind.DESCRIBE)
class DescribeReply(Message):
    dimension: int = wire(U32)
    metric: Metric = wire(Choice(Metric))
    attributes: list[AttributeDefinition] = wire(Listing(AttributeDefinition, U8))
    model_policy: ModelPolicy | None = wire(Option(1, Choice(ModelPolicy)), default=None)
    captured_queries: int | None = wire(Option(2, U32), default=None)
    gauge_share: float | None = wire(Option(3, F32), default=None)
    ids: IdKind | None = wire(Option(64, Choice(IdKind)), default=None)
    SKIPS_OPTIONS: ClassVar = True


@request(Kind.ADD_ATTRIBUTE)
class AddAttributeRequest(Message):
    collection: str = wire(STR)
    name: str = wire(STR)
    type: AttributeType = wire(Choice(AttributeType))


@reply(Kind.ADD_ATTRIBUTE)
class AddAttributeReply(Message):
    position: int = wire(U8)


@request(Kind.EXCLUDE)
class ExcludeRequest(Message):
    """`seconds`: for which the ids are excluded; 0 for ever."""

    collection: str = wire(STR)
    set: str = wire(STR)
    seconds: int = wire(U32)
    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))


@reply(Kind.EXCLUDE)
class ExcludeReply(Message):
    """`ids`: how many are in the set now."""

    ids: int = wire(U64)


@request(Kind.FORGET_EXCLUSIONS)
class ForgetExclusionsRequest(Message):
    collection: str = wire(STR)
    set: str = wire(STR)


@reply(Kind.FORGET_EXCLUSIONS)
class ForgetExclusionsReply(Message):
    was_there: bool = wire(BOOL)


@request(Kind.EXCLUSIONS)
class ExclusionsRequest(Message):
    collection: str = wire(STR)
    set: str = wire(STR)


@reply(Kind.EXCLUSIONS)
class ExclusionsReply(Message):
    """`ends`: until when each id is excluded, in milliseconds since 1970; -1 for ever."""

    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))
    ends: np.ndarray = wire(Array("<i8", lambda seen: seen["count"]))


@request(Kind.CONFIGURE)
class ConfigureRequest(Message):
    """What is None stays as it is."""

    collection: str = wire(STR)
    model_policy: ModelPolicy | None = wire(Option(1, Choice(ModelPolicy)), default=None)
    captured_queries: int | None = wire(Option(2, U32), default=None)
    gauge_share: float | None = wire(Option(3, F32), default=None)


@reply(Kind.CONFIGURE)
class ConfigureReply(Message):
    pass


@request(Kind.CAPTURED_QUERIES)
class CapturedQueriesRequest(Message):
    collection: str = wire(STR)
    generation: str = wire(STR)


@reply(Kind.CAPTURED_QUERIES)
class CapturedQueriesReply(Message):
    """Oldest first."""

    dimension: int = wire(U32)
    count: int = wire(U32)
    vectors: np.ndarray = wire(Array("<f4", lambda seen: seen["count"] * seen["dimension"]))


@request(Kind.PUBLISH_TOGETHER)
class PublishTogetherRequest(Message):
    publishes: list[PublishRequest] = wire(Bodies(PublishRequest))


@reply(Kind.PUBLISH_TOGETHER)
class PublishTogetherReply(Message):
    """In the order of the request, each with its report."""

    publishes: list[PublishReply] = wire(Bodies(PublishReply))


@request(Kind.BIAS)
class BiasRequest(Message):
    """`values`: the bias of each id; 0 takes it out of the set."""

    collection: str = wire(STR)
    set: str = wire(STR)
    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))
    values: np.ndarray = wire(Array("<f4", lambda seen: seen["count"]))


@reply(Kind.BIAS)
class BiasReply(Message):
    """`ids`: how many are in the set now."""

    ids: int = wire(U64)


@request(Kind.FORGET_BIASES)
class ForgetBiasesRequest(Message):
    collection: str = wire(STR)
    set: str = wire(STR)


@reply(Kind.FORGET_BIASES)
class ForgetBiasesReply(Message):
    was_there: bool = wire(BOOL)


@request(Kind.BIASES)
class BiasesRequest(Message):
    collection: str = wire(STR)
    set: str = wire(STR)


@reply(Kind.BIASES)
class BiasesReply(Message):
    """`ids` ascend; `values`: the bias of each, not 0."""

    count: int = wire(U32)
    ids: np.ndarray = wire(Array("<u8", lambda seen: seen["count"]))
    values: np.ndarray = wire(Array("<f4", lambda seen: seen["count"]))


@dataclass
class ErrorReply(Message):
    """The body of any reply whose status is not 0. It may answer every kind, so it is not in REPLIES."""

    message: str = wire(TEXT)


def request_frame(message: Message, request_id: int, deadline: int = 0) -> list[Any]:
    """A whole request as pieces to send one after the other."""
    return _frame(message, request_id, message.KIND, 0, deadline)


def reply_frame(message: Message, request_id: int) -> list[Any]:
    """A whole good reply as pieces to send one after the other."""
    return _frame(message, request_id, message.KIND | REPLY_BIT, 0, 0)


def error_frame(kind: int, request_id: int, code: int, text: str) -> list[Any]:
    """A whole error reply as pieces to send one after the other."""
    return _frame(ErrorReply(text), request_id, kind | REPLY_BIT, code, 0)


def _frame(message: Message, request_id: int, kind: int, status: int, deadline: int) -> list[Any]:
    parts = message.parts()
    length = sum(len(part) for part in parts)
    return [Header(length, request_id, kind, status, deadline).encode(), *parts]


def decode_request(header: Header, body: bytes | bytearray | memoryview) -> Message:
    kind = REQUESTS.get(header.kind)  # type: ignore[call-overload]
    if kind is None:
        raise malformed(f"no request has kind {header.kind}")
    if header.status:
        raise malformed(f"a request has status 0, got {header.status}")
    return kind.decode(body)


def decode_reply(header: Header, body: bytes | bytearray | memoryview) -> Message:
    """The reply's message; an error reply is raised as the `VecdError` it carries."""
    kind = REPLIES.get(header.kind & ~REPLY_BIT) if header.kind & REPLY_BIT else None  # type: ignore[call-overload]
    if header.status:
        raise VecdError(header.status, ErrorReply.decode(body).message)
    if kind is None:
        raise malformed(f"no reply has kind 0x{header.kind:04x}")
    return kind.decode(body)


__all__ = [
    "HEADER", "Header", "Message", "Struct", "REQUESTS", "REPLIES", "ErrorReply", "AttributeDefinition", "Collection",
    "Generation", "Finding", "Queries",
    "request_frame", "reply_frame", "error_frame", "decode_request", "decode_reply",
    *(cls.__name__ for table in (REQUESTS, REPLIES) for cls in table.values()),
]
