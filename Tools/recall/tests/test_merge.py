"""Quotas, duplicates and short channels."""

from __future__ import annotations

import pytest

from service.app import read_wish
from service.merge import Candidate, merge


def channels(**items: str) -> dict[str, list[Candidate]]:
    return {name: [Candidate(item, name) for item in text] for name, text in items.items()}


def test_places_follow_quotas_at_every_length() -> None:
    quotas = {"a": 0.5, "b": 0.3, "c": 0.2}
    many = {name: [Candidate(f"{name}{place}", name) for place in range(200)] for name in quotas}
    merged = merge(many, quotas, 100)
    for length in range(1, 101):
        for name, quota in quotas.items():
            got = sum(one.channel == name for one in merged[:length])
            assert abs(got - quota * length) <= 1.0, (length, name, got)
    assert [one.item for one in merged if one.channel == "a"] == [f"a{place}" for place in range(50)]


def test_an_item_comes_once_and_tells_who_else_had_it() -> None:
    merged = merge(channels(a="xyz", b="xwy"), {"a": 0.5, "b": 0.5}, 10)
    assert [one.item for one in merged] == ["x", "w", "y", "z"]
    assert merged[0].channel == "a" and merged[0].also == ["b"] and merged[1].also == []


def test_what_a_channel_cannot_fill_goes_to_the_others() -> None:
    merged = merge(channels(a="x", b="pqrstuv", c="k"), {"a": 0.8, "b": 0.2}, 6)
    assert [one.item for one in merged] == ["x", "p", "q", "r", "s", "t"]
    assert [one.item for one in merge(channels(a="x", c="klm"), {"a": 1.0}, 3)] == ["x", "k", "l"]  # no quota: fills
    assert merge(channels(a=""), {"a": 1.0}, 3) == []


@pytest.mark.parametrize("body, says", [
    ([], "not an object"),
    ({}, "give either user or history"),
    ({"user": "1", "history": []}, "give either user or history"),
    ({"user": "1", "k": 0}, "k is 0"),
    ({"user": "1", "k": True}, "k is True"),
    ({"user": "1", "quota": {}}, "'quota' is not known"),
    ({"user": "1", "quotas": {"a": float("nan")}}, "quotas is no object"),
    ({"user": "1", "quotas": {"a": 0}}, "at least one above 0"),
    ({"user": ["1"]}, "user is neither"),
    ({"history": [{"time": 3}]}, r"history\[0\] is neither"),
    ({"history": [1, {"item": 2, "time": float("inf")}]}, r"history\[1\] is neither"),
    ({"history": [1] * 1001}, "list of up to 1000"),
    ({"user": "1", "features": {}}, "features go with history"),
])
def test_what_is_wrong_with_a_request_is_said(body, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_wish(body)


def test_a_history_may_be_ids_alone() -> None:
    wish = read_wish({"history": [3, {"item": "7", "time": 5}], "features": {"town": "Ulm"}, "k": 7})
    assert wish.history.items == ["3", "7"] and wish.history.times == [0.0, 5.0] and wish.history.features == {"town": "Ulm"}
