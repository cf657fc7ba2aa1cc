"""The service on a real daemon, a real Redis and real bundles, asked over ASGI."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn

import vecd
from conftest import rendered
from recall.bundle import load as load_bundle
from recall.data import Clicks, open_clicks
from recall.data.synthetic import Recipe, write
from recall.publish import Gates
from recall.store import Store
from recall.tower import Tower
from recall.train import Training
from recall.workflow import Experiment, fit, publish_fitted, save_bundle
from service.app import make_app
from service.load import load
from service.recommender import Settings
from service.shelf import Shelf

SMALL = {"embedding_dim": 16, "hidden": [32], "history_length": 15}
COLLECTIONS = {"two-tower": "service-dssm", "multi-interest": "service-mind"}
ANY = Gates(beat_popularity=0.0, hit_rate_margin=1.0)  # these models are small; gates are tested elsewhere


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Experiment:
    folder = tmp_path_factory.mktemp("clicks")
    write(Recipe(items=500, users=400, clicks=6000, topics=6, clusters=4, seed=3), folder)
    return Experiment.of(open_clicks(folder), max_users=100)


@pytest.fixture(scope="module")
def models(experiment, tmp_path_factory, socket) -> Path:
    """Version 1 of both models, live."""
    folder = tmp_path_factory.mktemp("models")
    for model in ("dssm", "mind"):
        roll_out(model, f"{model}-v1", 1, experiment, folder, socket)
    return folder


def roll_out(model: str, version: str, seed: int, experiment: Experiment, models: Path, socket: str,
             prefix: str = "service") -> None:
    training = Training(epochs=1, batch_size=256, learning_rate=0.01, seed=seed, threads=1)
    one = fit(model, SMALL, experiment, training)
    save_bundle(one, experiment, version, models, training)
    with vecd.connect(socket) as client:
        verdict = publish_fitted(Store(client, f"{prefix}-{model}"), one, experiment, version, models, ANY, "flat")
    assert verdict.published, verdict.gates


@pytest.fixture(scope="module")
def log(experiment, redis_url) -> Clicks:
    users, cards = load(Shelf(redis_url), experiment.clicks)
    assert users == len(experiment.clicks.user_ids) and cards == len(experiment.clicks.item_ids)
    return experiment.clicks


def ask(settings: Settings, *bodies: dict, path: str = "/recommend") -> list[httpx.Response]:
    async def run() -> list[httpx.Response]:
        app = make_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                if path != "/recommend":
                    return [await http.get(path)]
                return [await http.post(path, json=body) for body in bodies]

    return asyncio.run(run())


@pytest.fixture(scope="module")
def settings(models, socket, redis_url, log) -> Settings:
    return Settings(models, socket, redis_url, COLLECTIONS, poll_seconds=0.05)


def test_a_user_gets_unseen_items_of_every_channel_with_titles(settings, log) -> None:
    user = int(log.user_ids[5])
    seen = {str(item) for item in log.item_ids[log.items[log.users == 5]]}
    reply = ask(settings, {"user": user, "k": 60})[0]
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    items = [one["item"] for one in answer["items"]]
    assert len(items) == len(set(items)) == 60 and not seen & set(items) and answer["seen"] == len(seen)
    assert all(one["title"].startswith("Topic ") for one in answer["items"])
    counts = {name: sum(one["channel"] == name for one in answer["items"]) for name in answer["channels"]}
    assert counts == {"two-tower": 24, "multi-interest": 24, "popular": 6, "newest": 6}
    assert answer["channels"]["multi-interest"]["version"] == "mind-v1"
    assert {one["interest"] for one in answer["items"] if one["channel"] == "multi-interest"} > {0}
    about = answer["channels"]["multi-interest"]["interests"]
    assert all(set(one["about"]) <= seen for one in about) and len(about) > 1
    assert answer["history"][0]["item"] == str(log.item_ids[log.items[log.users == 5][-1]])


def test_a_raw_history_is_asked_like_the_user_that_it_belongs_to(settings, log) -> None:
    mine = log.users == 9
    history = [{"item": str(item), "time": time} for item, time in zip(log.item_ids[log.items[mine]], log.times[mine])]
    body = {"k": 30, "now": float(log.times.max())}
    by_user, by_history = ask(settings, {**body, "user": int(log.user_ids[9])}, {**body, "history": history})
    assert [one["item"] for one in by_user.json()["items"]] == [one["item"] for one in by_history.json()["items"]]
    again = ask(settings, {**body, "history": history})[0]
    assert again.json()["items"] == by_history.json()["items"]


def test_candidates_are_those_of_the_store_for_the_vectors_of_the_tower(settings, log, client, models) -> None:
    """The whole path against its parts."""
    mine = log.users == 11
    now = float(log.times.max())
    answer = ask(settings, {"user": int(log.user_ids[11]), "k": 20, "now": now, "quotas": {"multi-interest": 1}})[0].json()
    bundle = load_bundle(models / "mind-v1")
    tower = Tower(bundle.tower_path)
    rows, ages = log.items[mine], (now - log.times[mine]) / 86_400
    vectors = tower(*tower.windows([rows], [ages]), np.zeros((1, 0)))
    found = client.search("service-mind", vectors, 20 + len(rows), generation="mind-v1", exact=True)
    seen = set(log.item_ids[rows].tolist())
    expected = [item for item in found.ids[0].astype(np.int64).tolist() if item not in seen][:20]
    assert [int(one["item"]) for one in answer["items"]] == expected


def test_strangers_and_unknown_items_get_an_answer(settings, log) -> None:
    nobody, odd = ask(settings, {"user": "nobody", "k": 10}, {"history": ["no-such-item", 987654321], "k": 10})
    for reply in (nobody, odd):
        assert reply.status_code == 200 and len(reply.json()["items"]) == 10


def test_bad_requests_are_told_so(settings) -> None:
    replies = ask(settings, {}, {"user": "1", "k": 5000}, {"history": "x"})
    assert [reply.status_code for reply in replies] == [400, 400, 400]
    assert "expected a whole number from 1 to 1000" in replies[1].json()["error"]["message"]


def test_without_redis_a_history_is_answered_without_titles(models, socket, log, tmp_path) -> None:
    settings = Settings(models, socket, f"unix://{tmp_path}/none.sock", COLLECTIONS)
    history, user = ask(settings, {"history": log.item_ids[:5].tolist(), "k": 10}, {"user": "1"})
    assert history.status_code == 200 and len(history.json()["items"]) == 10 and "cards_problem" in history.json()
    assert history.json()["items"][0]["title"] is None
    assert user.status_code == 503 and "histories are not to be had" in user.json()["error"]["message"]


def test_health_and_page(settings, tmp_path, socket) -> None:
    health, page = ask(settings, path="/health")[0], ask(settings, path="/")[0]
    assert health.status_code == 200 and health.json()["channels"]["two-tower"]["version"] == "dssm-v1"
    assert page.status_code == 200 and "innerHTML" not in page.text and "http-equiv" not in page.text
    empty = Settings(tmp_path, socket, settings.redis_url, COLLECTIONS)
    health, reply = ask(empty, path="/health")[0], ask(empty, {"user": "1"})[0]
    assert health.status_code == 503 and "has no model of that version" in health.json()["channels"]["two-tower"]["problem"]
    assert reply.status_code == 503


def test_the_page_shows_in_a_browser_what_a_user_gets_and_why(settings, log) -> None:
    """Titles are put there as text: one that looks like markup stays text."""
    user = int(log.user_ids[np.argmax(np.bincount(log.users))])  # with the longest history, so with several interests
    newest = str(log.item_ids[log.items[log.users == np.argmax(np.bincount(log.users))][-1]])
    Shelf(settings.redis_url).put_cards([(newest, {"title": "<b>bold</b> & <script>document.title = 'taken'</script>"})])
    server = uvicorn.Server(uvicorn.Config(make_app(settings), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < until and thread.is_alive(), "uvicorn did not start"
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        page = rendered(f"http://127.0.0.1:{port}/?user={user}")
    finally:
        server.should_exit = True
        thread.join(20)
    for channel in ("history", "two-tower", "multi-interest", "popular", "newest"):
        assert f'data-channel="{channel}"' in page
    assert "version mind-v1, flat" in page and "interest 2: " in page and page.count("<li>") > 40
    assert "&lt;b&gt;bold&lt;/b&gt;" in page and "<b>bold" not in page and "<title>Recall" in page


def test_a_roll_out_while_requests_run_mixes_nothing(settings, experiment, models, socket, log) -> None:
    """Every answer must be, item for item, the one of the version that it names. Old and new answers differ, or the test
    would prove nothing; both must occur, and the last ones must be new."""
    now = float(log.times.max())
    users = [int(user) for user in log.user_ids[:12]]
    versions: list[str] = []
    answers: list[tuple[int, str, tuple]] = []

    async def run() -> None:
        app = make_app(settings)
        async with app.router.lifespan_context(app):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
                published = asyncio.Event()

                async def asker(start: int) -> None:
                    place, after = start, 0
                    while after < 12:
                        user = users[place % len(users)]
                        body = {"user": user, "k": 20, "now": now, "quotas": {"multi-interest": 1}}
                        reply = await http.post("/recommend", json=body)
                        assert reply.status_code == 200, reply.text
                        about = reply.json()["channels"]["multi-interest"]
                        items = tuple((one["item"], one["score"]) for one in reply.json()["items"])
                        answers.append((user, about["version"], items))
                        versions.append(about["version"])
                        place += 1
                        after += published.is_set() and about["version"] == "mind-v2"

                async def publisher() -> None:
                    await asyncio.to_thread(roll_out, "mind", "mind-v2", 2, experiment, models, socket)
                    published.set()

                await asyncio.wait_for(asyncio.gather(publisher(), *(asker(start) for start in range(3))), 120)

    asyncio.run(run())
    assert set(versions) == {"mind-v1", "mind-v2"} and versions[-1] == "mind-v2"
    by_key: dict[tuple[int, str], set] = {}
    for user, version, items in answers:
        by_key.setdefault((user, version), set()).add(items)
    assert all(len(found) == 1 for found in by_key.values()), "two answers of one version differ"
    both = [user for user in users if (user, "mind-v1") in by_key and (user, "mind-v2") in by_key]
    assert both and all(by_key[user, "mind-v1"] != by_key[user, "mind-v2"] for user in both)
    with vecd.connect(socket) as client:
        for (user, version), found in by_key.items():
            bundle = load_bundle(models / version)
            tower, mine = Tower(bundle.tower_path), log.users == np.flatnonzero(log.user_ids == user)[0]
            vectors = tower(*tower.windows([log.items[mine]], [(now - log.times[mine]) / 86_400]), np.zeros((1, 0)))
            seen = bundle.store_ids[np.unique(log.items[mine])]
            expected = Store(client, "service-mind").search(vectors, 20, version, [seen])
            assert [int(item) for item, _ in next(iter(found))] == expected.ids[0].tolist(), version


def test_a_dropped_generation_is_answered_by_the_next_one_whole(settings, experiment, models, socket, log, client) -> None:
    """The service still holds the release whose generation is gone: it begins again with the live one."""
    still = Settings(settings.models, socket, settings.redis_url, COLLECTIONS, poll_seconds=3600)

    async def run() -> dict:
        app = make_app(still)
        async with app.router.lifespan_context(app):
            before = app.state.recommender.releases["two-tower"].current().version
            await asyncio.to_thread(roll_out, "dssm", "dssm-v2", 2, experiment, models, socket)
            client.drop("service-dssm", before)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
                return (await http.post("/recommend", json={"user": int(log.user_ids[0]), "k": 10})).json()

    assert asyncio.run(run())["channels"]["two-tower"]["version"] == "dssm-v2"


def test_a_label_that_another_model_took_is_not_answered(settings, experiment, models, socket, log, client) -> None:
    """First of a version that was replaced, then of the live one itself: no other vectors of that label answer."""
    still = Settings(settings.models, socket, settings.redis_url, {"two-tower": "other-dssm"}, poll_seconds=3600)
    body = {"user": int(log.user_ids[0]), "k": 10, "quotas": {"two-tower": 1}}
    bundle = load_bundle(models / "dssm-v1")

    def take(label: str, model: str | None) -> None:
        """A generation of this label with every vector in the place of another."""
        client.ingest("other-dssm", bundle.store_ids, bundle.items[::-1], label, model=model)
        client.build_index("other-dssm", label, "flat")

    async def run() -> list[httpx.Response]:
        client.create("other-dssm", bundle.items.shape[1], bundle.metric)
        take("dssm-v1", "dssm-v1")
        client.publish("other-dssm", "dssm-v1")
        app = make_app(still)
        async with app.router.lifespan_context(app):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
                replies = [await http.post("/recommend", json=body)]
                await asyncio.to_thread(roll_out, "dssm", "dssm-v3", 3, experiment, models, socket, "other")
                client.drop("other-dssm", "dssm-v1")
                take("dssm-v1", None)
                replies.append(await http.post("/recommend", json=body))
                client.publish("other-dssm", "dssm-v1")
                client.drop("other-dssm", "dssm-v3")
                take("dssm-v3", "else")
                client.publish("other-dssm", "dssm-v3")
                return [*replies, await http.post("/recommend", json=body)]

    first, second, third = asyncio.run(run())
    assert first.json()["channels"]["two-tower"]["version"] == "dssm-v1"
    assert second.json()["channels"]["two-tower"]["version"] == "dssm-v3"
    assert third.status_code == 503
    assert third.json()["error"]["message"].startswith("vecd: model-mismatch: the vectors are of model")
