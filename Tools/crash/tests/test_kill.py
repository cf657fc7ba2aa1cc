"""kill -9 at random moments, at every kind of call, in recoveries."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crash_needs import SEED, need
from crash.crowd import NAME, Rows, Writer, complaint as crowd_complaint, crowd_cycles
from crash.kill import kill_at_every_call, kill_cycles
from crash.life import SCENARIO
from crash.model import State, complaint, view
from crash.steps import Configure, Ingest, states
from crash.writes import Bias, Delete, Upsert


def test_after_kills_at_random_moments_everything_acknowledged_is_there() -> None:
    need("vecd")
    found = kill_cycles(700, SEED, writes=120, acknowledged=100_000)
    print(f"seed {SEED}: {found.line}")
    assert not found.problems
    assert found.writes >= 100_000
    assert found.hits["start and recovery"] + found.hits["after the socket"] >= 100, "a fifth in the first 50 ms"
    for kind in ("ingest", "build", "publish", "drop", "upsert", "delete", "seal", "compact", "configure", "together"):
        assert found.hits[kind] >= 3, f"the kills hardly hit {kind}"


def test_after_a_kill_at_a_call_of_a_publish_and_one_of_the_recovery_the_rest_can_be_done() -> None:
    need("vecd", "vecctl", "crashcheck", tools=("strace",))
    found = kill_at_every_call(stride=9)
    print(found.line)
    assert not found.problems
    assert found.cycles >= 50


def test_a_store_that_forgets_is_found() -> None:
    need("vecd")
    assert kill_cycles(40, SEED, forget=True).problems


def test_a_store_that_keeps_no_settings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    need("vecd")
    monkeypatch.setattr(Configure, "run", lambda step, client: None)
    assert "of no prefix" in kill_cycles(60, SEED).problems[0]


def test_a_store_that_keeps_no_biases_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    need("vecd")
    monkeypatch.setattr(Bias, "run", lambda step, client: None)
    assert "of no prefix" in kill_cycles(60, SEED).problems[0]


def test_a_store_that_keeps_no_models_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    need("vecd")
    run, message = Ingest.run, Upsert.message
    monkeypatch.setattr(Ingest, "run", lambda step, client: run(replace(step, model=None), client))
    monkeypatch.setattr(Upsert, "message", lambda step: message(replace(step, model=None)))
    assert "of no prefix" in kill_cycles(60, SEED).problems[0]


def _told(state: State) -> dict[str, Any]:
    """What `observe` would say of a state."""
    names = ("name", "dimension", "metric", "live", "generations", "sets", "biases", "settings")
    rest = {"fence": None, "sequence": 0}
    told = [rest | dict(zip(names, collection)) for collection in view(state)]
    for collection in told:
        collection["generations"] = [
            dict(zip(("label", "state", "rows", "digest", "model"), generation)) for generation in collection["generations"]]
    return json.loads(json.dumps({"collections": told}))


def test_another_model_or_setting_is_the_state_after_no_prefix() -> None:
    """And who tells neither, as crashcheck, is held to all else."""
    models = states(SCENARIO)
    views, count = [view(state) for state in models], 0
    for number, state in enumerate(models):
        assert complaint(_told(state), views, number, number) is None
        for place, collection in enumerate(_told(state)["collections"]):
            for position, other in enumerate(("none", 7, 0.75)):
                answer = _told(state)
                answer["collections"][place]["settings"][position] = other
                assert "of no prefix" in str(complaint(answer, views, 0, len(SCENARIO)))
                del answer["collections"][place]["settings"]
                assert complaint(answer, views, number, number) is None
            for place_of, generation in enumerate(collection["generations"]):
                answer = _told(state)
                answer["collections"][place]["generations"][place_of]["model"] = "other@1" if generation["model"] else "m@1"
                assert "of no prefix" in str(complaint(answer, views, 0, len(SCENARIO)))
                del answer["collections"][place]["generations"][place_of]["model"]
                assert complaint(answer, views, number, number) is None
                count += generation["model"] is not None
    assert count >= 10


def test_after_kills_under_several_clients_each_has_what_was_acknowledged_in_its_order() -> None:
    need("vecd")
    found = crowd_cycles(60, SEED)
    print(f"seed {SEED}: {found.line}")
    assert not found.problems
    assert found.writes >= 3_000
    assert found.hits["while several wait"] >= 100, "the kills hardly hit clients with writes under way"


def test_a_store_that_forgets_is_found_by_several_clients() -> None:
    need("vecd")
    assert crowd_cycles(10, SEED, forget=True).problems


def _after_a_crowd(spoil: Callable[[Rows], None]) -> str | None:
    """What is said of two clients' writes when something else than was acknowledged is found."""
    first, second = Writer(1), Writer(2)
    first.sent = [Upsert(NAME, (1000, 1001, 1), 1), Delete(NAME, (1000,), 2), Upsert(NAME, (1002,), 3)]
    second.sent = [Upsert(NAME, (2000, 1), 4), Upsert(NAME, (2000, 2), 5)]
    first.sequences, second.sequences = [1, 3, 5], [2]
    rows: Rows = {}
    for write in (*first.sent[:1], *second.sent[:1], *first.sent[1:]):
        rows = write.written(rows)
    spoil(rows)
    return crowd_complaint([first, second], {}, rows, 5)


def test_what_several_clients_must_not_find_is_found() -> None:
    old, new = Upsert(NAME, (1000, 1001, 1), 1).written({}), Upsert(NAME, (2000, 2), 5).written({})
    assert _after_a_crowd(lambda rows: None) is None
    assert _after_a_crowd(lambda rows: rows.update(new)) is None, "a write of which nobody was told may be there"
    assert "no prefix" in str(_after_a_crowd(lambda rows: rows.update({1000: old[1000]}))), "a deleted id is back"
    assert "no prefix" in str(_after_a_crowd(lambda rows: rows.pop(1002))), "the last acknowledged write is lost"
    assert "no prefix" in str(_after_a_crowd(lambda rows: rows.pop(1001))), "a write in the middle is lost"
    assert "shared id 1" in str(_after_a_crowd(lambda rows: rows.update({1: old[1]}))), "an older write of another client won"
    assert "shared id 1" in str(_after_a_crowd(lambda rows: rows.pop(1)))
    assert "shared id 2" in str(_after_a_crowd(lambda rows: rows.update({2: new[2]}))), "half of a write is there"
    assert "shared id 5" in str(_after_a_crowd(lambda rows: rows.update({5: old[1]}))), "what nobody wrote is there"
