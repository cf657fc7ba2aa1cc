"""What each command of the pipeline does. Every function returns (the JSON answer, the exit status)."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import vecd

from . import bundle as bundles
from .cli import model_options, now_label, training_of
from .data import open_clicks
from .data.synthetic import Recipe, write
from .data.table import Columns
from .evaluate import Quality, by_depth, by_exact_search, quality
from .models import options_of
from .problem import Problem
from .publish import Gates
from .shown import bar, gate_lines, quality_table, say
from .store import Store
from .texts.command import search_texts, train_texts  # noqa: F401
from .workflow import Experiment, Fitted, asked_of, fit, publish_fitted, save_bundle, vectors_of_bundle

Answer = tuple[dict[str, Any], int]
OFFLINE = 600.0  # seconds for one call: thousands of users are asked about at once, beside whatever else runs


def generate(options: argparse.Namespace) -> Answer:
    given = {name: getattr(options, name) for name in ("items", "users", "clicks", "topics", "clusters", "days", "seed")}
    recipe = Recipe(**{name: value for name, value in given.items() if value is not None})
    world = write(recipe, options.out)
    say(f"{options.out}: {len(world.items):,} clicks of {len(np.unique(world.users)):,} users on "
        f"{len(np.unique(world.items)):,} of {recipe.items:,} items")
    return {"out": str(options.out), "clicks": len(world.items), "recipe": asdict(recipe)}, 0


def train_and_publish(options: argparse.Namespace) -> Answer:
    version = options.version or now_label(options.model)
    store = None if options.no_publish else _store(options, options.model)  # before minutes of work: is a daemon there?
    experiment = _experiment(options)
    if store is not None:
        count = sum(payload is not None for payload in experiment.payloads)
        say(f"{count:,} items have a title or a cover to be stored with their vectors")
    fitted = _fit(options.model, model_options(options.model, options.option), experiment, options)
    say(fitted.health.line())
    bundle = save_bundle(fitted, experiment, version, options.models, training_of(options))
    say(f"{bundle.directory} written; its ONNX tower differs from torch by {bundle.about['onnx_difference']:.1e}")
    shown = {**experiment.baselines, f"{options.model}, exact search": fitted.exact}
    answer: dict[str, Any] = {
        "version": version, "model": options.model, "directory": str(bundle.directory),
        "seconds": round(fitted.trained.seconds, 2), "samples": fitted.trained.samples,
        "losses": fitted.trained.losses, "health": fitted.health.as_dict(),
        "exact": fitted.exact.as_dict(), "baselines": {name: one.as_dict() for name, one in experiment.baselines.items()},
    }
    status = 0
    if store is not None:
        gates = Gates(recall=options.target_recall, hit_rate_margin=options.hit_rate_margin)
        with bar("pushing vectors") as update:
            verdict = publish_fitted(store, fitted, experiment, version, options.models, gates, progress=update)
        bundle.note(verdict=verdict.as_dict(), collection=store.collection)
        shown[f"{options.model}, vecd at recall {options.target_recall:g}"] = verdict.through_vecd
        answer["verdict"] = verdict.as_dict()
        status = 0 if verdict.published else 65
    if not options.json:
        print(quality_table(shown))
    if store is not None:
        say(gate_lines(verdict))
    if options.report:
        from .report import write_report

        write_report(options.report, experiment, [fitted], shown, store, {options.model: version} if store else {})
        answer["report"] = str(options.report)
    return answer, status


def evaluate(options: argparse.Namespace) -> Answer:
    bundle = bundles.load(options.models / options.version)
    experiment = _experiment(options)
    users = vectors_of_bundle(bundle, experiment)
    known = np.isin(bundle.item_ids, experiment.clicks.item_ids)
    if not known.any():
        raise Problem(f"none of the items of {options.version} is in {options.data}; give it the data it belongs to")
    shown = dict(experiment.baselines)
    asked, k, catalogue = asked_of(experiment, users), max(experiment.depths), len(experiment.store_ids)
    if np.array_equal(bundle.item_ids, experiment.clicks.item_ids):
        found = by_exact_search(bundle.items, bundle.published, bundle.store_ids, users, experiment.seen, k, bundle.metric)
        shown[f"{bundle.version}, exact search"] = quality(found, asked.answers, catalogue, experiment.depths)
    if not options.exact_only:
        store = _store(options, bundle.about["model"])
        shown[f"{bundle.version}, vecd at recall {options.target_recall:g}"] = by_depth(
            lambda k: store.search(users, k, bundle.version, asked.seen, recall=options.target_recall).ids,
            asked.answers, catalogue, experiment.depths,
        )
    return _table(options, shown, {"version": bundle.version}), 0


def ingest(options: argparse.Namespace) -> Answer:
    from .health import inspect
    from .vectors import read_vectors

    ids, rows = read_vectors(options.file, options.vectors, options.ids, options.first_row)
    keep, health = inspect(rows.astype(np.float32))
    say(health.line())
    with vecd.connect(options.socket) as client, bar("pushing vectors") as update:
        if options.metric is not None:
            Store(client, options.collection).prepare(rows.shape[1], options.metric)
        with client.begin_ingest(options.collection, options.generation, options.model) as session:
            session.add(ids[keep], rows[keep], progress=lambda done: update(done, health.kept))
            session.commit()
    say(f"{options.collection}: {health.kept:,} rows in generation {session.generation}")
    return {
        "collection": options.collection, "generation": session.generation, "model": options.model, "health": health.as_dict()
    }, 0


def load_redis(options: argparse.Namespace) -> Answer:
    import redis
    from service.load import load
    from service.shelf import Shelf

    try:
        users, cards = load(Shelf(options.redis, timeout=10), _experiment(options).clicks)
    except redis.RedisError as error:
        raise Problem(f"Redis at {options.redis}: {error}") from None
    say(f"{options.redis}: {users:,} users, {cards:,} titles")
    return {"users": users, "cards": cards}, 0


def compare(options: argparse.Namespace) -> Answer:
    names = options.models_to_train.split(",")
    for name in names:
        options_of(name, {})  # is there such a model?
    store = None if options.exact_only else _store(options, "compare")
    experiment = _experiment(options)
    shown: dict[str, Quality] = dict(experiment.baselines)
    fits: list[Fitted] = []
    client = store.client if store else None
    versions = {}
    for name in names:
        fitted = _fit(name, model_options(name, [text for text in options.option if _fits(name, text)]), experiment, options)
        fits.append(fitted)
        shown[f"{name}, exact search"] = fitted.exact
        if client is not None:
            # Collections of their own, dropped at the end: a comparison publishes nothing.
            mine = Store(client, f"compare-{name}-{now_label('x')[2:]}"[:64])
            versions[name] = mine
            mine.prepare(fitted.items.shape[1], fitted.metric)
            mine.push(experiment.store_ids[fitted.keep], fitted.items[fitted.keep], "compared")
            mine.build("compared", fitted.sample, options.target_recall)
            asked = asked_of(experiment, fitted.asked)
            shown[f"{name}, vecd at recall {options.target_recall:g}"] = by_depth(
                lambda k: mine.search(asked.users, k, "compared", asked.seen, recall=options.target_recall).ids,
                asked.answers, len(experiment.store_ids), experiment.depths,
            )
    try:
        answer = _table(options, shown, {"seconds": {one.name: round(one.trained.seconds, 2) for one in fits}})
        if options.report:
            from .report import write_report

            write_report(options.report, experiment, fits, shown, None, versions)
            answer["report"] = str(options.report)
    finally:
        for mine in versions.values():
            mine.client.drop(mine.collection)
    return answer, 0


def _fits(model: str, text: str) -> bool:
    """Options of `compare` go to the models that have them."""
    from .models import OPTIONS

    return text.partition("=")[0] in OPTIONS[model].__dataclass_fields__


def _experiment(options: argparse.Namespace) -> Experiment:
    def names(text: str) -> tuple[str, ...]:
        return tuple(part for part in text.split(",") if part)

    named = Columns(options.user_column, options.item_column, options.time_column, names(options.user_features),
                    names(options.item_features), options.title_column, cover=options.cover_column)
    clicks = open_clicks(options.data, None if named == Columns() else named)
    cut = None
    if options.cut:
        try:
            cut = np.datetime64(options.cut, "ms").astype(np.float64) / 1000.0
        except ValueError:
            raise Problem(f"--cut {options.cut}: expected a date such as 2017-10-14 or 2017-10-14T12:00") from None
    experiment = Experiment.of(clicks, options.test_users, options.split_seed, cut)
    say(f"{len(clicks):,} clicks, {len(clicks.user_ids):,} users, {len(clicks.item_ids):,} items; asking about "
        f"{len(experiment.split):,} users. Terms of the data: {clicks.terms}")
    return experiment


def _fit(name: str, given: dict[str, Any], experiment: Experiment, options: argparse.Namespace) -> Fitted:
    with bar(f"training {name}") as update:
        fitted = fit(name, given, experiment, training_of(options), update)
    say(f"{name}: {fitted.trained.samples:,} samples, loss {' '.join(f'{x:.3f}' for x in fitted.trained.losses)}, "
        f"{fitted.trained.seconds:.1f} s")
    return fitted


def _store(options: argparse.Namespace, model: str) -> Store:
    if not Path(options.data).exists():
        raise Problem(f"there is no {options.data}; give a folder of MovieLens, Globo.com or generated clicks, or a table")
    client = vecd.connect(options.socket, timeout=OFFLINE)
    return Store(client, getattr(options, "collection", None) or f"recall-{model}")


def _table(options: argparse.Namespace, shown: dict[str, Quality], more: dict[str, Any]) -> dict[str, Any]:
    if not options.json:
        print(quality_table(shown))
    return {**more, "results": {name: one.as_dict() for name, one in shown.items()}}
