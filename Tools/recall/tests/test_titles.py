"""Titles and covers in vecd's payloads: from the data into a generation, and from there into the service's answers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

import vecd
from recall.bundle import load as load_bundle
from recall.cards import from_payload, to_payload
from recall.data import open_clicks
from recall.data.synthetic import Recipe, write
from recall.problem import Problem
from recall.workflow import Experiment
from service.app import make_app
from service.load import load
from service.recommender import Settings
from service.shelf import Shelf
from test_service import ask, roll_out

COLLECTIONS = {"two-tower": "titles-dssm", "multi-interest": "titles-mind"}
NOTHING = {"title": None, "cover": None}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Experiment:
    """Items with title and cover, with one of them, and with neither."""
    folder = tmp_path_factory.mktemp("clicks")
    write(Recipe(items=300, users=250, clicks=3500, topics=5, clusters=4, seed=4), folder)
    items = parquet.read_table(folder / "items.parquet").to_pydict()
    items["title"] = [None if row % 7 in (0, 1) else f'{title}: "Grüße"' for row, title in enumerate(items["title"])]
    items["cover"] = ["" if row % 7 in (0, 2) else f"https://pictures.test/{item}.jpg" for row, item in enumerate(items["item"])]
    parquet.write_table(pyarrow.table(items), folder / "items.parquet")
    return Experiment.of(open_clicks(folder), max_users=80)


@pytest.fixture(scope="module")
def cards(experiment) -> dict[str, dict[str, str]]:
    """What the data has, by item."""
    return dict(zip(experiment.clicks.item_ids.astype(str).tolist(), experiment.clicks.cards()))


@pytest.fixture(scope="module")
def models(experiment, tmp_path_factory, socket) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for model in ("dssm", "mind"):
        roll_out(model, f"{model}-v1", 1, experiment, folder, socket, "titles")
    return folder


@pytest.fixture
def settings(models, socket, tmp_path) -> Settings:
    """There is no Redis."""
    return Settings(models, socket, f"unix://{tmp_path}/none.sock", COLLECTIONS, titles="vecd")


def history_of(experiment: Experiment, row: int) -> list[str]:
    return experiment.clicks.item_ids[experiment.clicks.items[experiment.clicks.users == row]].astype(str).tolist()


def card_of(one: dict) -> dict:
    return {name: one.get(name) for name in NOTHING}


def test_a_generation_holds_the_cards_of_the_data(experiment, cards, models, client) -> None:
    assert {tuple(card) for card in cards.values()} == {("title", "cover"), ("title",), ("cover",), ()}
    for model in ("dssm", "mind"):
        bundle = load_bundle(models / f"{model}-v1")
        there = bundle.published
        payloads = client.get(f"titles-{model}", bundle.store_ids[there], f"{model}-v1", fields="payload").payloads
        stored = [json.loads(payload) if payload else {} for payload in payloads]
        assert stored == [cards[item] for item in bundle.item_ids[there].astype(str)]


def test_without_redis_every_item_has_the_card_of_the_data(settings, experiment, cards) -> None:
    """Of all four channels, and of the history; those without a card come bare, and that is no problem."""
    history = history_of(experiment, 3)
    reply, user = ask(settings, {"history": history, "k": 80}, {"user": "1"})
    answer = reply.json()
    assert reply.status_code == 200 and "cards_problem" not in answer, reply.text
    assert {one["channel"] for one in answer["items"]} == {"two-tower", "multi-interest", "popular", "newest"}
    assert [one["item"] for one in answer["history"]] == history[::-1]
    for one in answer["items"] + answer["history"]:
        assert card_of(one) == {**NOTHING, **cards[one["item"]]}
    assert NOTHING in map(card_of, answer["items"])
    assert user.status_code == 503  # the histories of users are in Redis


def test_both_sources_give_the_same_answer(settings, experiment, redis_url) -> None:
    users, _ = load(Shelf(redis_url), experiment.clicks)
    assert users == len(experiment.clicks.user_ids)
    body = {"user": int(experiment.clicks.user_ids[7]), "k": 60, "now": float(experiment.clicks.times.max())}
    answers = [ask(replace(settings, redis_url=redis_url, titles=titles), body)[0].json() for titles in ("redis", "vecd")]
    assert [answer.pop("milliseconds") > 0 for answer in answers] == [True, True]
    assert answers[0] == answers[1] and "cards_problem" not in answers[0]


def test_only_what_no_search_brought_is_asked_for(settings, experiment, monkeypatch) -> None:
    asked: list[tuple[str, list[str]]] = []
    plain = vecd.Client.get

    def get(self, collection, ids, *rest, **more):
        asked.append((collection, [str(key) for key in ids]))
        return plain(self, collection, ids, *rest, **more)

    monkeypatch.setattr(vecd.Client, "get", get)
    stranger = ask(settings, {"history": ["no-such-item"], "k": 50, "quotas": {"two-tower": 0.5, "multi-interest": 0.5}})[0]
    assert len(stranger.json()["items"]) == 50 and sum(one["title"] is not None for one in stranger.json()["items"]) > 25
    assert not asked
    history = history_of(experiment, 5)
    answer = ask(settings, {"history": history, "k": 300})[0].json()  # all there is, so some of it no search found
    searched = {one["item"] for one in answer["items"] if {one["channel"], *one["also"]} & set(COLLECTIONS)}
    assert asked[0] == ("titles-dssm", [*(one["item"] for one in answer["items"] if one["item"] not in searched), *history])
    assert len(asked) == 1


def test_what_the_model_did_not_publish_is_looked_up_in_the_other_collection(settings, experiment, cards, models) -> None:
    bundle = load_bundle(models / "mind-v1")
    published = dict(zip(bundle.item_ids.astype(str), bundle.published))
    body = {"history": history_of(experiment, 2), "k": 300, "quotas": {"newest": 1}}
    alone = ask(replace(settings, channels={"multi-interest": "titles-mind"}), body)[0].json()
    both = ask(replace(settings, channels=dict(reversed(COLLECTIONS.items()))), body)[0].json()
    assert [one["item"] for one in alone["items"]] == [one["item"] for one in both["items"]]
    bare = [one for one in alone["items"] if not published[one["item"]]]
    assert any(cards[one["item"]] for one in bare) and "cards_problem" not in alone
    assert all(card_of(one) == NOTHING for one in bare)
    assert all(card_of(one) == {**NOTHING, **cards[one["item"]]} for one in alone["items"] if published[one["item"]])
    assert all(card_of(one) == {**NOTHING, **cards[one["item"]]} for one in both["items"])


def test_items_written_twice_in_a_history_and_foreign_payloads(settings, experiment, cards, models, client) -> None:
    """An upsert of another program: bytes that are no card, and a card with a text that UTF-8 has not."""
    bundle = load_bundle(models / "mind-v1")
    rows = np.flatnonzero(bundle.published)[:3]
    keys, written = bundle.store_ids[rows], [str(item) for item in bundle.item_ids[rows]]
    client.upsert("titles-mind", keys[:2], bundle.items[rows[:2]], "mind-v1",
                  payloads=[b"\xff{", '{"title": "\\ud800", "cover": "c"}'])
    one_channel = replace(settings, channels={"multi-interest": "titles-mind"})
    reply = ask(one_channel, {"history": [*written, f"0{written[2]}"], "k": 10})[0]
    assert reply.status_code == 200 and "cards_problem" not in reply.json()
    third = {**NOTHING, **cards[written[2]]}
    assert [card_of(one) for one in reply.json()["history"]] == [third, third, {"title": None, "cover": "c"}, NOTHING]
    client.upsert("titles-mind", keys, bundle.items[rows], "mind-v1", payloads=[experiment.payloads[row] for row in rows])


def test_a_dropped_generation_gives_way_with_its_titles(settings, experiment, cards, models, socket, client) -> None:
    still = replace(settings, channels={"two-tower": "titles-dssm"}, poll_seconds=3600)
    history = history_of(experiment, 8)

    async def run() -> list[dict]:
        app = make_app(still)
        async with app.router.lifespan_context(app):
            await asyncio.to_thread(roll_out, "dssm", "dssm-v2", 2, experiment, models, socket, "titles")
            client.drop("titles-dssm", "dssm-v1")
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
                bodies = [{"history": history, "k": 10, "quotas": quotas} for quotas in ({"popular": 1}, {"two-tower": 1})]
                return [(await http.post("/recommend", json=body)).json() for body in bodies]

    bare, whole = asyncio.run(run())
    assert len(bare["items"]) == 10 and all(card_of(one) == NOTHING for one in bare["items"])
    assert bare["cards_problem"].startswith("titles are not to be had: generation-not-found")
    assert whole["channels"]["two-tower"]["version"] == "dssm-v2" and "cards_problem" not in whole
    for one in whole["items"] + whole["history"]:
        assert card_of(one) == {**NOTHING, **cards[one["item"]]}


@pytest.mark.parametrize("payload, card", [
    (b"", {}), (b"a text", {}), (b"\xff", {}), (b"[1]", {}), (b'"title"', {}), (b"[" * 60_000, {}), (b"9" * 60_000, {}),
    (b'{"title": 7, "cover": ""}', {}), (b'{"title": "a", "item": "b"}', {"title": "a"}),
    ('{"title":"Ö","cover":"x"}'.encode(), {"title": "Ö", "cover": "x"}),
])
def test_a_payload_is_a_card_or_nothing(payload, card) -> None:
    assert from_payload(payload) == card


def test_what_cannot_be_is_said_before_anything_is_done(experiment, models) -> None:
    assert to_payload({}) is None and from_payload(to_payload({"title": "Ö\n"})) == {"title": "Ö\n"}
    clicks = replace(experiment.clicks, covers=np.array(["x" * 70_000] * len(experiment.clicks.item_ids), dtype=object))
    with pytest.raises(Problem, match=rf"title and cover of item {clicks.item_ids[0]} take 70,\d+ bytes, a payload has at most"):
        Experiment(clicks, experiment.split).payloads
    with pytest.raises(ValueError, match="titles is 'file', expected redis or vecd"):
        Settings(models, titles="file")
