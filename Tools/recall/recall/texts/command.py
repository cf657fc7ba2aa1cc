"""The commands train-texts and search-texts. Each returns (the JSON answer, the exit status)."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np

import vecd

from ..cards import to_payload
from ..cli import now_label
from ..evaluate import Quality
from ..health import inspect
from ..problem import Problem
from ..publish import Asked, Gates, Verdict, publish
from ..shown import bar, gate_lines, quality_table, say, table
from ..store import Store
from . import saved
from .evaluate import DEPTHS, baselines, by_exact_search, measure
from .posts import Posts, Questions, read
from .train import DEFAULTS, sample_queries, train

SAMPLE = 4096  # queries made of titles, for the build of the index


def train_texts(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    version = options.version or now_label("texts")
    saved.check_free(options.out / version)
    store = None if options.no_publish else Store(vecd.connect(options.socket), options.collection)
    posts, questions = read(options.data)
    say(f"{len(posts):,} titles to learn from and to search in, {len(questions):,} texts to ask with, never learnt from")
    shown = baselines(posts, questions)
    training = replace(DEFAULTS, epochs=options.epochs, seed=options.seed, threads=options.threads)
    with bar("training on titles") as update:
        model = train(posts, training=training, progress=update)
    say(f"loss {' '.join(f'{loss:.3f}' for loss in model.losses)}, {model.seconds:.1f} s")
    items, asked = model.documents(posts), model.queries(questions.texts)
    exact = shown["DSSM on titles, exact search"] = by_exact_search(items, asked, posts, questions)
    saved.save(options.out / version, model, posts.ids, items, {"training": asdict(training), "exact": exact.as_dict()})
    answer: dict[str, Any] = {"version": version, "directory": str(options.out / version), "losses": model.losses,
                              "seconds": round(model.seconds, 2)}
    verdict = None
    if store is not None:
        sample = sample_queries(model, posts, SAMPLE, options.seed)
        verdict = _publish(store, version, posts, items, sample, questions, asked, shown["popularity"], options)
        shown[f"DSSM on titles, vecd at recall {options.target_recall:g}"] = verdict.through_vecd
        answer["verdict"] = verdict.as_dict()
    answer["results"] = {name: one.as_dict() for name, one in shown.items()}
    if not options.json:
        print(quality_table(shown))
    if verdict is not None:
        say(gate_lines(verdict))
    return answer, 0 if verdict is None or verdict.published else 65


def _publish(
    store: Store, version: str, posts: Posts, items: np.ndarray, sample: np.ndarray, questions: Questions, asked: np.ndarray,
    popularity: Quality, options: argparse.Namespace,
) -> Verdict:
    """The gates of the other models. The live version is asked the same questions, by its own model."""
    payloads = [to_payload({"title": title, "subreddit": name}) for title, name in zip(posts.titles, posts.subreddits)]
    keep, health = inspect(items)
    if health.kept < health.rows:
        raise Problem(f"{health.line()}; a text model gives every post a vector, so training went wrong: lower its learning rate")
    depth = Gates().depth

    def live_hit_rate(live: str) -> float | None:
        model = saved.find(options.out, live)
        if model is None:
            return None
        found = store.search(model.queries(questions.texts), depth, live)
        return measure(found.ids, posts, questions, (depth,)).hit_rate[depth]

    # The sample is made of titles, which are easier than texts: built for 0.95 by it, the index finds 0.944 for these.
    gates = Gates(recall=options.target_recall, build_recall=1.0 - 0.5 * (1.0 - options.target_recall))
    nothing_seen = [np.zeros(0, np.uint64)] * len(questions)
    asked_of = Asked(asked, nothing_seen, questions.answers.astype(np.int64))
    with bar("pushing vectors") as update:
        return publish(
            store, version, posts.ids, items, health, "cosine", sample, asked_of,
            len(posts), popularity, live_hit_rate, gates, depths=DEPTHS, progress=update, payloads=payloads,
        )


def search_texts(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """The model of the live version embeds the words, and vecd finds titles with them."""
    store = Store(vecd.connect(options.socket), options.collection)
    live = store.live()
    if live is None:
        raise Problem(f"collection {options.collection} has no live version; train-texts publishes one")
    model = saved.find(options.out, live)
    if model is None:
        raise Problem(f"{live} is live, and its model is not under {options.out}; give the folder it was written to with --out")
    found = store.search(model.queries([options.text]), options.count, live, payloads=True)
    posts = [
        {"id": int(key), "score": round(float(score), 4), **json.loads(payload)}
        for key, score, payload in zip(found.ids[0], found.scores[0], found.payloads[0]) if key >= 0
    ]
    if not options.json:
        print(table([[one["title"], one["subreddit"], f"{one['score']:.3f}"] for one in posts]))
    return {"version": live, "posts": posts}, 0
