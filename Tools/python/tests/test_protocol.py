"""Messages and frames: what is written is read again, and nothing else is accepted."""

import struct
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import SAMPLES
from vecd import ErrorCode, VecdError
from vecd import protocol as p
from vecd.filter import parse
from vecd.records import AttributeType
from vecd.wire import HEADER, REPLY_BIT, Fields, Header, Index, Kind, Limits, Reader

IDS = [f"{type(message).__name__}-{i}" for i, (_, message) in enumerate(SAMPLES)]
EVERY = pytest.mark.parametrize("side,message", SAMPLES, ids=IDS)


def refused(code: ErrorCode, call, *arguments) -> str:
    with pytest.raises(VecdError) as caught:
        call(*arguments)
    assert caught.value.code is code
    assert caught.value.message and "\n" not in caught.value.message
    return caught.value.message


def plain(value):
    """Structs as dicts: those that hold arrays cannot be compared."""
    if isinstance(value, p.Struct):
        return {name: plain(item) for name, item in vars(value).items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def test_every_kind_has_a_request_a_reply_and_a_sample():
    assert set(p.REQUESTS) == set(p.REPLIES) == set(Kind)
    sampled = {(side, message.KIND) for side, message in SAMPLES}
    assert sampled == {(side, kind) for side in ("request", "reply") for kind in Kind}


@EVERY
def test_a_message_reads_back_as_written(side, message):
    body = message.encode()
    again = type(message).decode(body)
    assert again.encode() == body
    np.testing.assert_equal(plain(again), plain(message))


@EVERY
def test_a_truncated_message_is_refused_at_every_length(side, message):
    body = message.encode()
    if isinstance(message, (p.PingRequest, p.PingReply)):
        return  # opaque bytes of any length
    whole = set()
    # Without its last options, or a reply without what only follows when asked for, it is one still.
    for field in reversed(fields(message)):
        if not isinstance(field.metadata["codec"], (p.Option, p.Records, p.Last)):
            break
        message = replace(message, **{field.name: None})
        whole.add(len(message.encode()))
    for length in range(len(body)):
        if length in whole:
            continue
        refused(ErrorCode.MALFORMED_FRAME, type(message).decode, body[:length])


@EVERY
def test_left_over_bytes_are_refused(side, message):
    if not isinstance(message, (p.PingRequest, p.PingReply)):
        refused(ErrorCode.MALFORMED_FRAME, type(message).decode, message.encode() + b"\0")


@EVERY
def test_flipped_bytes_are_read_or_refused_but_never_trap(side, message):
    body = message.encode()
    for position in range(len(body)):
        for value in (0, 1, 0x7F, 0xFF, body[position] ^ 0x80):
            changed = body[:position] + bytes([value]) + body[position + 1 :]
            try:
                type(message).decode(changed)
            except VecdError as error:
                assert error.code in (ErrorCode.MALFORMED_FRAME, ErrorCode.NOT_AVAILABLE, ErrorCode.LIMIT_EXCEEDED)


@given(st.sampled_from([*p.REQUESTS.values(), *p.REPLIES.values(), p.ErrorReply]), st.binary(max_size=300))
def test_random_bytes_are_read_exactly_or_refused(kind, body):
    try:
        message = kind.decode(body)
    except VecdError as error:
        assert error.code in (ErrorCode.MALFORMED_FRAME, ErrorCode.NOT_AVAILABLE)
    else:
        again = kind.decode(message.encode()).encode()
        assert again == message.encode() and len(again) == len(body)


@EVERY
def test_a_frame_is_its_header_and_its_body(side, message):
    frame = b"".join(p.request_frame(message, 77, 250) if side == "request" else p.reply_frame(message, 77))
    header = Header.decode(frame)
    body = frame[HEADER.size :]
    assert (header.body_length, header.request_id, header.status) == (len(body), 77, 0)
    if side == "request":
        assert header.kind == message.KIND and header.deadline == 250
        assert type(p.decode_request(header, body)) is type(message)
    else:
        assert header.kind == message.KIND | REPLY_BIT and header.deadline == 0
        assert type(p.decode_reply(header, body)) is type(message)


def test_the_header_is_laid_out_as_documented():
    data = Header(0x01020304, 0x1112131415161718, 0x2122, 0x3132, 0x41424344).encode()
    assert data == (
        b"VECD" + bytes.fromhex("04030201") + bytes.fromhex("1817161514131211")
        + bytes.fromhex("2221") + bytes.fromhex("3231") + bytes.fromhex("44434241")
    )


def test_a_search_request_is_laid_out_as_documented():
    message = p.SearchRequest(
        "ab", "", 3, p.Effort.RECALL, 0x3F000000, Index.FLAT, 1, 1, 2, np.array([1, -2], "<f4"))
    assert message.encode().hex() == (
        "0200" "6162" "0000" "03000000" "01" "0000003f" "01" "0100" "01000000" "02000000" "0000803f" "000000c0")


def test_options_of_a_search_are_laid_out_as_documented():
    plain = p.SearchRequest("ab", "", 3, p.Effort.EXACT, 0, Index.AUTO, 1, 1, 1, np.array([1], "<f4"))
    body = plain.encode()
    assert replace(plain, least_sequence=258).encode() == body + bytes.fromhex("0100" "08000000" "0201000000000000")
    known = replace(plain, least_sequence=1).encode()[len(body) :]
    for tail in (known + known, b"\x7f\0\0\0\0\0" + known, b"\1\0\4\0\0\0abcd", known + b"\0", b"\x7f\0\2\0\0\0x"):
        refused(ErrorCode.MALFORMED_FRAME, p.SearchRequest.decode, body + tail)
    for tail in (b"\x7f\0\0\0\0\0", known + b"\x7f\0\1\0\0\0x", b"\0\0\0\0\0\0" + known):
        refused(ErrorCode.NOT_AVAILABLE, p.SearchRequest.decode, body + tail)


def test_excluded_ids_are_laid_out_as_documented():
    plain = p.SearchRequest("ab", "", 3, p.Effort.EXACT, 0, Index.AUTO, 1, 2, 1, np.array([1, 2], "<f4"))
    body = plain.encode()
    sets = (np.array([258, 259, 1000], "<u8"), np.array([], "<u8"))
    content = "02000000" "03000000" "02" "0201000000000000" "0100" "e502" "00000000"
    message = replace(plain, excluded=sets, score_limit=-2.0)
    assert message.encode() == body + bytes.fromhex("0200" "19000000" + content + "0300" "04000000" "000000c0")

    def option(content: str) -> bytes:
        data = bytes.fromhex(content)
        return body + b"\2\0" + len(data).to_bytes(4, "little") + data

    one = "01000000" "02000000"
    for wrong in (
        "00000000", "03000000" + "00000000" * 3, one + "01" "0100000000000000" "00", one + "02" "0100000000000000" "0100",
        one + "03" "0100000000000000" "010000", one + "01" "ffffffffffffffff" "01", one + "01" "0100000000000000",
        one + "01" "0100000000000000" "0100",
    ):
        refused(ErrorCode.MALFORMED_FRAME, p.SearchRequest.decode, option(wrong))
    refused(ErrorCode.LIMIT_EXCEEDED, p.SearchRequest.decode, option("01000000" "01000400"))


def test_attributes_filters_and_fields_are_laid_out_as_documented():
    made = p.CreateRequest("ab", 3, p.Metric.L2, [p.AttributeDefinition("n", AttributeType.KEYWORDS)])
    assert made.encode().hex() == "0200" "6162" "03000000" "02" "0100" "05000000" "01" "0100" "6e" "04"
    plain = p.SearchRequest("ab", "", 3, p.Effort.EXACT, 0, Index.AUTO, 1, 1, 1, np.array([1], "<f4"))
    asked = replace(plain, filter=parse("exists(n)").encode(), fields=Fields.PAYLOAD)
    assert asked.encode() == plain.encode() + bytes.fromhex("0400" "04000000" "01" "04" "01" "6e" "0500" "01000000" "02")
    get = p.GetRequest("ab", "", 1, np.array([258], "<u8"), Fields.ATTRIBUTES | Fields.PAYLOAD).encode()
    assert get.hex() == "0200" "6162" "0000" "01000000" "0201000000000000" "0100" "01000000" "03"
    for flags in (b"\0", b"\x08", b"\xff"):
        assert "fields" in refused(ErrorCode.MALFORMED_FRAME, p.GetRequest.decode, get[:-1] + flags)
    added = p.AddAttributeRequest("ab", "n", AttributeType.BOOL).encode()
    assert added.hex() == "0200" "6162" "0100" "6e" "02"
    refused(ErrorCode.MALFORMED_FRAME, p.AddAttributeRequest.decode, added[:-1] + b"\5")
    refused(ErrorCode.LIMIT_EXCEEDED, p.SearchRequest.decode, plain.encode() + b"\4\0\1\0\1\0" + bytes(65_537))


def test_records_stand_behind_the_rows_and_are_as_many():
    rows = p.IngestRowsRequest(9, p.Element.F32, 1, 2, np.array([5, 6], "<u8"), np.array([1, 2], "<f4"))
    one, none = bytes.fromhex("01" "00" "02" "01" "02000000" "6162"), bytes(5)
    good = replace(rows, records=one + none).encode()
    assert good == rows.encode() + bytes.fromhex("0100" "0f000000") + one + none
    assert p.IngestRowsRequest.decode(good).records == one + none
    for wrong in (one, one + none + none, one + none[:-1], b""):
        refused(ErrorCode.MALFORMED_FRAME, p.IngestRowsRequest.decode, replace(rows, records=wrong).encode())
    write = p.UpsertRequest("ab", "", p.NO_TOKEN, 1, 1, np.array([5], "<u8"), np.array([1], "<f4"), bytes((8 << 20) + 1))
    refused(ErrorCode.LIMIT_EXCEEDED, p.UpsertRequest.decode, write.encode())


def test_an_upsert_is_laid_out_as_documented():
    message = p.UpsertRequest("ab", "c", bytes(range(16)), 2, 1, np.array([258], "<u8"), np.array([1, -2], "<f4"))
    assert message.encode().hex() == (
        "0200" "6162" "0100" "63" "000102030405060708090a0b0c0d0e0f" "02000000" "01000000" "0201000000000000"
        "0000803f" "000000c0")


def test_an_error_reply_is_raised_with_its_code_and_text():
    frame = b"".join(p.error_frame(Kind.SEARCH, 5, ErrorCode.OVERLOADED, "queue is full"))
    header = Header.decode(frame)
    assert (header.kind, header.status) == (Kind.SEARCH | REPLY_BIT, 3001)
    assert refused(ErrorCode.OVERLOADED, p.decode_reply, header, frame[HEADER.size :]) == "queue is full"


def test_a_header_of_foreign_bytes_is_refused():
    refused(ErrorCode.MALFORMED_FRAME, Header.decode, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    refused(ErrorCode.MALFORMED_FRAME, Header.decode, Header(0, 1, 2).encode()[:-1])


def test_a_body_above_the_limit_is_refused_from_its_header_alone():
    assert Header.decode(Header(Limits.FRAME_BODY_BYTES, 1, 2).encode()).body_length == Limits.FRAME_BODY_BYTES
    refused(ErrorCode.FRAME_TOO_LONG, Header.decode, Header(Limits.FRAME_BODY_BYTES + 1, 1, 2).encode())


def test_announced_counts_are_checked_against_the_bytes_there_before_allocating():
    huge = struct.pack("<QBII", 1, 0, 4096, 0xFFFF_FFFF) + bytes(64)
    refused(ErrorCode.MALFORMED_FRAME, p.IngestRowsRequest.decode, huge)
    counts = struct.pack("<H", 0) + struct.pack("<QQBfI", 1, 1, 1, 1.0, 2) + b"\xff" * 8
    refused(ErrorCode.MALFORMED_FRAME, p.SearchReply.decode, counts)
    refused(ErrorCode.MALFORMED_FRAME, p.ListReply.decode, b"\xff\xff\xff\xff")


def test_text_that_is_not_utf8_is_refused():
    refused(ErrorCode.MALFORMED_FRAME, p.RollbackRequest.decode, b"\x02\x00\xff\xfe")


def test_enumeration_values_beyond_the_table_are_refused():
    good = p.CreateRequest("a", 1, p.Metric.L2).encode()
    message = refused(ErrorCode.MALFORMED_FRAME, p.CreateRequest.decode, good[:-1] + b"\3")
    assert "0, 1, 2" in message


def test_flags_other_than_0_and_1_are_refused():
    good = p.BuildIndexRequest("a", "", Index.FLAT, True, 0, 0, 0, np.array([], "<f4")).encode()
    refused(ErrorCode.MALFORMED_FRAME, p.BuildIndexRequest.decode, good[:-13] + b"\2" + good[-12:])
    found = p.GetReply("g", 1, 1, np.array([1], "u1"), np.array([1], "<f4")).encode()
    refused(ErrorCode.MALFORMED_FRAME, p.GetReply.decode, found[:11] + b"\2" + found[12:])


def test_arrays_that_contradict_their_counts_are_not_sent():
    message = p.GetRequest("a", "", 3, np.array([1, 2], "<u8"))
    refused(ErrorCode.MALFORMED_FRAME, message.encode)


def test_a_reader_never_goes_past_its_end():
    reader = Reader(b"abc")
    assert bytes(reader.take(2, "x")) == b"ab" and reader.left == 1
    refused(ErrorCode.MALFORMED_FRAME, reader.take, 2, "x")
    assert bytes(reader.take(1, "x")) == b"c"


def test_unknown_kinds_are_refused():
    refused(ErrorCode.MALFORMED_FRAME, p.decode_request, Header(0, 1, 18), b"")
    refused(ErrorCode.MALFORMED_FRAME, p.decode_reply, Header(0, 1, Kind.PING), b"")
    refused(ErrorCode.MALFORMED_FRAME, p.decode_reply, Header(0, 1, 18 | REPLY_BIT), b"")
