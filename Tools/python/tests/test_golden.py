"""Both implementations read and write the same frames: Formats/golden/protocol (its README describes the files)."""

import dataclasses
import json
import re

import numpy as np
import pytest

from conftest import FORMATS
from samples import SAMPLES
from vecd import VecdError
from vecd import protocol as p
from vecd.records import read_records
from vecd.wire import HEADER, REPLY_BIT, Array, Header, Kind, Reader

FOLDER = FORMATS / "golden" / "protocol" / "v1"
PAIRS = sorted(path.stem for path in FOLDER.glob("*.bin"))


def load(name):
    return (FOLDER / f"{name}.bin").read_bytes(), json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def message_type(kind: int, status: int) -> type[p.Message]:
    if status:
        return p.ErrorReply
    return p.REPLIES[Kind(kind & ~REPLY_BIT)] if kind & REPLY_BIT else p.REQUESTS[Kind(kind)]


def to_fields(struct: p.Struct) -> dict:
    """The values of a message as the golden JSON states them."""
    found: dict = {}
    for name, value in vars(struct).items():
        if value is None:
            continue  # an option, or records, that the frame does not hold
        if name == "records" and isinstance(value, list):
            found[name] = list(b"".join(record.encode() for record in value))
        elif name == "attributes":
            found[name] = [to_fields(item) for item in value]
        elif isinstance(value, list):
            found["count"] = len(value)
            found[name] = [to_fields(item) for item in value]
            if isinstance(struct, (p.PublishTogetherRequest, p.PublishTogetherReply)):
                found[name] = [{"length": len(item.encode())} | to_fields(item) for item in value]
        elif isinstance(value, np.ndarray):
            bits = value.view("<u2") if value.dtype.itemsize == 2 else value
            found[name] = bits.tolist()
        elif isinstance(value, p.Struct):
            found[name] = to_fields(value)
        elif isinstance(value, tuple):
            found[name] = [item if isinstance(item, str) else item.tolist() for item in value]
        elif isinstance(value, bytes):
            found[name] = list(value)
        else:
            found[name] = int(value) if isinstance(value, int) and value is not True else value
    return found


def from_fields(kind: type[p.Struct], values: dict) -> p.Struct:
    """The message that the golden JSON describes."""
    made: dict = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        name, codec = field.name, field.metadata["codec"]
        value = values.get(name) if isinstance(codec, (p.Option, p.Records, p.Last)) else values[name]
        if value is None:
            pass
        elif isinstance(codec, p.Records):
            value = read_records(Reader(bytes(value)), codec.count(made), name)
        elif isinstance(codec, p.Option) and isinstance(codec.value, p.One):
            value = from_fields(codec.value.element, value)
        elif isinstance(codec, p.Option) and isinstance(codec.value, Array):
            value = np.array(value, codec.value.dtype)
        elif isinstance(codec, p.Option) and isinstance(codec.value, p.Listing):
            value = [from_fields(codec.value.element, item) for item in value]
        elif isinstance(codec, p.Option) and isinstance(codec.value, (p.RecordBytes, p.FilterBytes)):
            value = bytes(value)
        elif isinstance(codec, p.Listing):
            assert values.get("count", len(value)) == len(value)
            items = [from_fields(codec.element, item) for item in value]
            if isinstance(codec, p.Bodies):
                assert [item["length"] for item in value] == [len(item.encode()) for item in items]
            value = items
        elif isinstance(codec, Array):
            dtype = codec.resolve(made)
            value = np.array(value, "<u2").view(dtype) if dtype.itemsize == 2 else np.array(value, dtype)
        elif isinstance(codec, (p.Option, p.Last)) and isinstance(value, list):
            value = tuple(item if isinstance(item, str) else np.array(item, "<u8") for item in value)
        elif isinstance(codec, (p.Rest, p.Fixed)):
            value = bytes(value)
        elif hasattr(codec, "enumeration"):
            value = codec.enumeration(value)
        made[name] = value
    return kind(**made)


def same_number(mine, golden) -> bool:
    """f32 values are decimals that round to the exact f32; minus zero is not zero."""
    if isinstance(golden, dict):
        return list(mine) == list(golden) and all(same_number(mine[name], golden[name]) for name in golden)
    if isinstance(golden, list):
        return len(mine) == len(golden) and all(map(same_number, mine, golden))
    if isinstance(golden, float):
        return np.float32(mine).tobytes() == np.float32(golden).tobytes()
    return mine == golden


def test_every_kind_has_a_golden_request_and_reply():
    if not FOLDER.exists():
        pytest.fail(f"{FOLDER} is missing")
    covered = {(name[:2], name.rsplit("-", 1)[1]) for name in PAIRS if not name.endswith("error-reply")}
    assert covered == {(f"{kind:02d}", side) for kind in Kind for side in ("request", "reply")}
    assert PAIRS == sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("message", [message for _, message in SAMPLES], ids=lambda message: type(message).__name__)
def test_the_fields_of_a_message_say_all_of_it(message):
    values = json.loads(json.dumps(to_fields(message)))
    assert from_fields(type(message), values).encode() == message.encode()


@pytest.mark.parametrize("name", PAIRS)
def test_decoding_a_golden_frame_gives_its_values(name):
    data, golden = load(name)
    header = Header.decode(data)
    assert header.body_length == golden["body_length"] == len(data) - HEADER.size
    for key in ("request_id", "kind", "status", "deadline"):
        assert getattr(header, key) == golden[key], key
    assert Kind(header.kind & ~REPLY_BIT).name.lower().replace("_", " ") == golden["name"]
    assert bool(header.kind & REPLY_BIT) == name.endswith("reply")
    body = data[HEADER.size :]
    decoded = message_type(header.kind, header.status).decode(body)
    assert same_number(to_fields(decoded), golden["fields"]), (to_fields(decoded), golden["fields"])
    if header.status:
        with pytest.raises(VecdError, match=re.escape(golden["fields"]["message"])) as caught:
            p.decode_reply(header, body)
        assert caught.value.code == golden["status"]
    else:
        decode = p.decode_reply if header.kind & REPLY_BIT else p.decode_request
        assert type(decode(header, body)) is type(decoded)


@pytest.mark.parametrize("name", PAIRS)
def test_encoding_the_values_of_a_golden_frame_gives_its_bytes(name):
    data, golden = load(name)
    message = from_fields(message_type(golden["kind"], golden["status"]), golden["fields"])
    if golden["status"]:
        parts = p.error_frame(golden["kind"], golden["request_id"], golden["status"], message.message)
    elif golden["kind"] & REPLY_BIT:
        parts = p.reply_frame(message, golden["request_id"])
    else:
        parts = p.request_frame(message, golden["request_id"], golden["deadline"])
    assert b"".join(parts) == data
