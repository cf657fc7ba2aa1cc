"""Trains the model on pairs made from titles. The same posts, options, seed and thread count give the same bits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LambdaLR

from ..losses import in_batch_softmax
from ..problem import Problem
from ..train import Training, descend, deterministic
from .cloze import Cloze, Pairs
from .model import TextDSSM, TextOptions
from .posts import Posts
from .words import Encoded, Vocabulary, tokens

CHUNK = 4096
TITLES_OF_A_SAMPLE = 4
DEFAULTS = Training(epochs=12, batch_size=1024, learning_rate=0.01)


@dataclass(frozen=True)
class TextModel:
    """A trained model with what turns text into its input."""

    network: TextDSSM
    vocabulary: Vocabulary
    subreddits: list[str]
    losses: list[float] = field(default_factory=list)   # mean of each epoch
    seconds: float = 0.0

    def queries(self, texts: list[str]) -> np.ndarray:
        """(n, 1, d) float32: one interest each. A text without a word that the model can read is refused."""
        words = [tokens(text) for text in texts]
        for text, found in zip(texts, words):
            if not any(self.vocabulary.features(word)[0] for word in found):
                raise Problem(f"the text {text[:60]!r} has no word that the model knows; ask with other words")
        encoded = Encoded.of(words, self.vocabulary)
        rows = _in_chunks(len(texts), lambda rows: self.network.queries(_whole(encoded, rows)))
        return rows[:, None, :]

    def documents(self, posts: Posts) -> np.ndarray:
        """(n, d) float32. A title without words is a vector of its subreddit."""
        pairs = self.pairs(posts, Cloze(), seed=0)  # whole documents: nothing is drawn
        return _in_chunks(
            len(posts), lambda rows: self.network.documents(pairs.documents(rows), torch.from_numpy(pairs.codes[rows]))
        )

    def pairs(self, posts: Posts, cloze: Cloze, seed: int | list[int]) -> Pairs:
        texts = Encoded.of([tokens(text) for text in [*posts.titles, *self.subreddits]], self.vocabulary)
        return Pairs(texts, self.codes(posts), cloze, np.random.default_rng(seed))

    def codes(self, posts: Posts) -> np.ndarray:
        code = {name: number for number, name in enumerate(self.subreddits)}
        strangers = set(posts.subreddits) - code.keys()
        if strangers:
            raise Problem(f"the model was not trained on the subreddit {min(strangers)}; train it on these posts")
        return np.array([code[name] for name in posts.subreddits], np.int64)


def train(
    posts: Posts, options: TextOptions = TextOptions(), cloze: Cloze = Cloze(), training: Training = DEFAULTS,
    progress: Callable[[int, int, float], Any] | None = None,
) -> TextModel:
    """progress: called with (batches done, batches in all, mean loss of the epoch so far)."""
    begun = time.monotonic()
    words = (tokens(f"{title} {name}") for title, name in zip(posts.titles, posts.subreddits))
    vocabulary = Vocabulary.of(words, options.min_count, options.buckets)
    subreddits = sorted(set(posts.subreddits))
    with deterministic(training.seed, training.threads):
        model = TextModel(TextDSSM(options, vocabulary.rows, len(subreddits)), vocabulary, subreddits)
        losses = _learn(model.network, model.pairs(posts, cloze, [training.seed, 13]), training, progress)
        model.network.eval()
    return TextModel(model.network, vocabulary, subreddits, losses, time.monotonic() - begun)


def _learn(
    network: TextDSSM, pairs: Pairs, training: Training, progress: Callable[[int, int, float], Any] | None
) -> list[float]:
    count = len(pairs.codes)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    total = training.epochs * -(-count // training.batch_size)
    schedule = LambdaLR(optimizer, lambda step: 1.0 - step / total)  # as for the other models: to zero, in a line
    losses, done = [], 0
    network.train()
    for _ in range(training.epochs):
        order, sums = pairs.rng.permutation(count), 0.0
        for start in range(0, len(order), training.batch_size):
            rows = order[start : start + training.batch_size]
            query, document = pairs.draw(rows)
            vectors = network.documents(document, torch.from_numpy(pairs.codes[rows]))
            scores = network.queries(query) @ vectors.T
            loss = in_batch_softmax(scores, torch.from_numpy(rows), network.options.temperature)
            sums, done = sums + descend(loss, optimizer, schedule, done) * len(rows), done + 1
            if progress is not None:
                progress(done, total, sums / (start + len(rows)))
        losses.append(sums / len(order))
    return losses


def sample_queries(model: TextModel, posts: Posts, count: int, seed: int) -> np.ndarray:
    """(count, 1, d): queries for the build of an index, each of four titles. They are none of the questions.

    Four, of any subreddits: a text is longer than a title and never about one thing alone. The pairs of the training ask too
    plainly: an index that was calibrated by them for 0.95 found 0.85 to 0.90 for texts; by two titles 0.925, by four 0.944.
    """
    rng = np.random.default_rng([seed, 17])
    chosen = np.stack([rng.permutation(len(posts))[:count] for _ in range(TITLES_OF_A_SAMPLE)], axis=1)
    texts = [" ".join(posts.titles[row] for row in rows) for rows in chosen.tolist()]
    return model.queries([text for text in texts if tokens(text)])


def _whole(encoded: Encoded, rows: np.ndarray):
    return encoded.bags(*encoded.words_of(rows), len(rows))


def _in_chunks(count: int, embed: Callable[[np.ndarray], torch.Tensor]) -> np.ndarray:
    with torch.inference_mode():
        parts = [embed(np.arange(start, min(start + CHUNK, count))) for start in range(0, count, CHUNK)]
    return torch.cat(parts).numpy() if parts else np.zeros((0, 0), np.float32)
