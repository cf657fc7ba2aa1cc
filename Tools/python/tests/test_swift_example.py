"""The Swift example of the online query (Tools/recall/example), run as a user would."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import vecd
from conftest import binary

INTERESTS = "0.1,0.2,0.7\n0.9,0.1,0\n"


def _recommend(socket: str, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    program = Path(binary("VECD_BIN", "vecd")).parent / "recommend"
    return subprocess.run(
        [program, "posts", "--socket", socket, *options], input=text, capture_output=True, text=True, timeout=30)


@pytest.fixture
def posts(own_daemon):
    with vecd.connect(own_daemon.socket) as db:
        db.create("posts", 3, "ip", attributes={"lang": "keyword"})
        db.ingest(
            "posts", [1, 2, 3, 4], np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]], np.float32), generation="monday",
            attributes={"lang": ["en", "en", "de", "en"]}, payloads=[b"one", b"two", b"three", b"four"], model="mind-1")
        db.build_index("posts", wait=True)
        db.publish("posts", "monday")
        yield own_daemon.socket, db


def test_it_recommends_and_what_was_shown_is_not_shown_again(posts) -> None:
    socket, db = posts
    db.bias("posts", "fresh", [2], [2.0])
    options = ("--user", "17", "--model", "mind-1", "-k", "2", "--bias", "fresh")
    found = _recommend(socket, INTERESTS, *options)
    assert found.returncode == 0, found.stderr
    lines = [line.split("\t") for line in found.stdout.splitlines()]
    assert lines[0][0].startswith("generation monday, index flat")
    assert [(line[1], line[2], line[4]) for line in lines[1:]] == [("2", "interest 0", "two"), ("1", "interest 1", "one")]
    assert np.allclose([float(line[3]) for line in lines[1:]], [2.2, 0.9])
    assert db.exclusions("posts", "user-17").ids.tolist() == [1, 2]
    again = _recommend(socket, INTERESTS, *options)
    assert [line.split("\t")[1] for line in again.stdout.splitlines()[1:]] == ["3", "4"]


def test_filter_and_quotas_hold_and_days_0_notes_nothing(posts) -> None:
    socket, db = posts
    found = _recommend(socket, INTERESTS, "--user", "18", "--filter", 'lang = "en"', "--least", "1", "-k", "2", "--days", "0")
    assert {tuple(line.split("\t")[1:3]) for line in found.stdout.splitlines()[1:]} == {("1", "interest 1"), ("2", "interest 0")}
    assert not len(db.exclusions("posts", "user-18").ids)


@pytest.mark.parametrize("text, options, message", [
    (INTERESTS, ["--model", "mind-2"], "model-mismatch"), ("0.1,x\n", [], "line 1: 0.1,x is no vector"),
    ("", [], "one to eight vectors"), ("1,2,3\n1,2\n", [], "one to eight vectors"), ("1,2\n", [], "dimension-mismatch"),
    (INTERESTS, ["--filter", "lang ="], "invalid-argument"), (INTERESTS, ["--days", "9000000000000000000"], "must be 0 to 36500"),
    (INTERESTS, ["--deadline", "0"], "must be 1 to 86400000"),
])
def test_what_is_wrong_is_said_and_nothing_is_noted(posts, text, options, message) -> None:
    socket, db = posts
    found = _recommend(socket, text, "--user", "19", *options)
    assert found.returncode != 0 and message in found.stderr and not found.stdout
    assert not len(db.exclusions("posts", "user-19").ids)
