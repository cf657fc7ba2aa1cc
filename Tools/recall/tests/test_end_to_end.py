"""Clicks to a live generation with all three models, on the seeded generator and a real daemon: better than popularity by the
stated factor, and through vecd as good as exact search."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vecd
from recall import bundle as bundles
from recall.data import open_clicks
from recall.data.synthetic import Recipe, write
from recall.problem import Problem
from recall.publish import Gates
from recall.store import Store
from recall.train import Training
from recall.workflow import Experiment, Fitted, asked_of, fit, publish_fitted, save_bundle, vectors_of_bundle

# HitRate@50 and @100 of each model, over the better of the two popularity baselines.
FACTOR = 1.5
RECIPE = Recipe(items=1000, users=2500, clicks=30_000, topics=10, clusters=5)
SMALL = {"embedding_dim": 32, "hidden": [64], "history_length": 20}
FITS = {
    "dssm": (SMALL, Training(epochs=3, batch_size=512, learning_rate=0.01, threads=1)),
    "youtube-dnn": ({**SMALL, "num_sampled": 200}, Training(epochs=5, batch_size=256, learning_rate=0.01, threads=1)),
    "mind": ({**SMALL, "num_sampled": 200}, Training(epochs=3, batch_size=512, learning_rate=0.01, threads=1)),
}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Experiment:
    folder = tmp_path_factory.mktemp("clicks")
    write(RECIPE, folder)
    return Experiment.of(open_clicks(folder), max_users=1500)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def fitted(experiment) -> dict[str, Fitted]:
    return {name: fit(name, given, experiment, training) for name, (given, training) in FITS.items()}


@pytest.fixture(scope="module")
def saved(fitted, experiment, models) -> dict[str, bundles.Bundle]:
    return {name: save_bundle(one, experiment, f"{name}-1", models, FITS[name][1]) for name, one in fitted.items()}


@pytest.mark.parametrize("name", FITS)
def test_a_model_beats_popularity_and_loses_nothing_in_vecd(name, fitted, saved, experiment, models, client) -> None:
    one, bundle, store = fitted[name], saved[name], Store(client, f"e2e-{name}")
    assert bundle.about["onnx_difference"] <= 1e-4
    verdict = publish_fitted(store, one, experiment, bundle.version, models, Gates(beat_popularity=FACTOR))
    assert verdict.published, verdict.gates
    assert store.live() == f"{name}-1"
    assert [generation.model for generation in client.generations(f"e2e-{name}")] == [f"{name}-1"]
    for depth in (50, 100):
        popular = max(base.hit_rate[depth] for base in experiment.baselines.values())
        assert one.exact.hit_rate[depth] >= FACTOR * popular
    for depth in experiment.depths:
        exact, through = one.exact.hit_rate[depth], verdict.through_vecd.hit_rate[depth]
        assert abs(through - exact) <= 0.01 * exact, f"HitRate@{depth}: {through} through vecd, {exact} exactly"
    # The exact search of the daemon and that of numpy agree, up to scores that float32 cannot tell apart.
    asked = asked_of(experiment, one.asked)
    from recall.evaluate import by_exact_search, recall_of

    mine = by_exact_search(one.items, one.keep, experiment.store_ids, one.asked[:200], experiment.seen[:200], 100, one.metric)
    theirs = store.search(one.asked[:200], 100, bundle.version, asked.seen[:200], exact=True)
    assert recall_of(theirs.ids, mine) > 0.999


def test_the_onnx_tower_of_a_bundle_asks_the_same(fitted, saved, experiment) -> None:
    """The path of the gate against the live version, and of the service."""
    for name, one in fitted.items():
        vectors = vectors_of_bundle(bundles.load(saved[name].directory), experiment)
        assert np.abs(vectors - one.asked).max() <= 1e-4


def test_a_worse_model_is_not_published(fitted, experiment, models, client) -> None:
    good, store = fitted["dssm"], Store(client, "e2e-gates")
    save_bundle(good, experiment, "gates-good", models, FITS["dssm"][1])
    assert publish_fitted(store, good, experiment, "gates-good", models, index="flat").published

    def failed(one: Fitted, version: str, gates: Gates = Gates()) -> list[str]:
        verdict = publish_fitted(store, one, experiment, version, models, gates, index="flat")
        assert not verdict.published and store.live() == "gates-good"
        assert verdict.replaced == "gates-good" and version in store.versions()
        return [gate.name for gate in verdict.gates if not gate.passed]

    rng = np.random.default_rng(1)
    noisy = good.asked + rng.standard_normal(good.asked.shape).astype(np.float32) * 0.15
    assert failed(replace(good, asked=noisy.astype(np.float32)), "gates-noisy") == ["not worse than the live version"]
    noise = rng.standard_normal(good.asked.shape).astype(np.float32)
    assert failed(replace(good, asked=noise), "gates-noise") == ["better than popularity", "not worse than the live version"]
    few = good.keep & (np.arange(len(good.keep)) % 3 == 0)
    from recall.health import inspect

    most_gone = replace(good, keep=few, health=inspect(good.items, few)[1])
    assert "vectors are sound" in failed(most_gone, "gates-few")
    # A live version whose model is not here cannot be compared with, and is not replaced unseen.
    (models / "gates-good").rename(models / "elsewhere")
    assert failed(good, "gates-unknown") == ["not worse than the live version"]
    with pytest.raises(Problem, match="has a generation gates-noisy already"):
        publish_fitted(store, good, experiment, "gates-noisy", models, index="flat")


def test_a_publish_in_between_is_not_overrun(fitted, saved, experiment, models, client) -> None:
    good, store = fitted["dssm"], Store(client, "e2e-race")
    assert publish_fitted(store, good, experiment, "one", models, index="flat").published

    class Raced(Store):
        def publish(self, version: str, expect: str | None) -> None:
            client.ingest(self.collection, [1], np.ones((1, 32), np.float32), generation="other")
            client.build_index(self.collection, "other")
            client.publish(self.collection, "other")
            super().publish(version, expect)

    shutil.copytree(saved["dssm"].directory, models / "one")
    with pytest.raises(vecd.VecdError) as caught:
        publish_fitted(Raced(client, "e2e-race"), good, experiment, "two", models, index="flat")
    assert caught.value.code == vecd.ErrorCode.LIVE_GENERATION_CHANGED and store.live() == "other"


def test_untrained_zero_and_duplicate_items_are_counted(fitted, experiment) -> None:
    clicked = experiment.split.train.item_counts > 0
    for name in ("youtube-dnn", "mind"):
        assert fitted[name].health.untrained == (~clicked).sum() > 0
        assert fitted[name].health.kept == clicked.sum()
    assert fitted["dssm"].health.untrained == 0  # by their features
    assert json.dumps(fitted["dssm"].health.as_dict())


def test_what_fits_no_collection_is_refused(client) -> None:
    store = Store(client, "e2e-shape")
    store.prepare(8, "cosine")
    with pytest.raises(Problem, match="has dimension 8 and metric cosine, the model 16 and ip"):
        store.prepare(16, "ip")
