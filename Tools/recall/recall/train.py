"""One training loop for the three models. The same log, options, seed and thread count give the same model, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .data.clicks import Clicks
from .histories import UserBatch, user_batch
from .losses import in_batch_softmax, sampled_softmax
from .models import CatalogueShape, RecallModel, make
from .negatives import NegativeSampler
from .problem import Problem


@dataclass(frozen=True)
class Training:
    epochs: int = 5
    batch_size: int = 512
    learning_rate: float = 0.01
    seed: int = 1
    threads: int = 2
    seconds: float | None = None   # stop after so much CPU time; then the model depends on how fast the machine is


@dataclass(frozen=True)
class Trained:
    model: RecallModel
    losses: list[float]            # mean of each epoch, of the last one as far as it went
    samples: int                   # of one epoch
    seconds: float


def catalogue_shape(train: Clicks) -> CatalogueShape:
    """What a model must know of the data before training; from the training clicks alone."""
    codes = [feature.codes for feature in train.item_features.values()]
    return CatalogueShape(
        len(train.item_ids),
        tuple((name, feature.size) for name, feature in train.user_features.items()),
        tuple((name, feature.size) for name, feature in train.item_features.items()),
        torch.from_numpy(np.stack(codes, axis=1)) if codes else torch.zeros(len(train.item_ids), 0, dtype=torch.int64),
        torch.from_numpy(train.item_counts),
    )


@contextmanager
def deterministic(seed: int, threads: int):
    """Seeds torch and fixes the thread count; both are as before afterwards."""
    state, before = torch.random.get_rng_state(), torch.get_num_threads()
    algorithms = torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(algorithms)
        torch.set_num_threads(before)
        torch.random.set_rng_state(state)


def train(
    name: str, options: Any, log: Clicks, training: Training = Training(),
    progress: Callable[[int, int, float], Any] | None = None,
) -> Trained:
    """A sample is every click that has one before it: the history up to it, and the click as the answer.

    progress: called with (batches done, batches in all, mean loss of the epoch so far).
    """
    rows = np.flatnonzero(np.arange(len(log)) > log.offsets[log.users])
    if not len(rows):
        raise Problem("no user has two clicks in the training log, so there is nothing to learn from")
    begun, worked = time.monotonic(), time.process_time()
    with deterministic(training.seed, training.threads):
        rng = np.random.default_rng([training.seed, 11])
        model = make(name, options, catalogue_shape(log))
        sampler = NegativeSampler(log.item_counts, getattr(options, "alpha", 0.75), rng)
        optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
        # In-batch negatives are drawn as often as the item is clicked: q(i) ~ freq(i).
        frequency = np.log(np.maximum(np.bincount(log.items[rows], minlength=len(log.item_ids)), 1) / len(rows))
        batches = -(-len(rows) // training.batch_size)
        total = batches * training.epochs

        def left(step: int) -> float:
            """Linear decay to zero, by steps or by time: the last steps settle what the first ones found."""
            spent = 0.0 if training.seconds is None else (time.process_time() - worked) / training.seconds
            return max(0.0, 1.0 - max(step / total, spent))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, left)
        losses, done = [], 0
        model.train()
        for _ in range(training.epochs):
            order = rng.permutation(rows)
            sums = 0.0
            for start in range(0, len(order), training.batch_size):
                chosen = order[start : start + training.batch_size]
                batch, target = _samples(log, chosen, options.history_length, model)
                loss = _loss(model, batch, target, sampler, frequency)
                sums, done = sums + descend(loss, optimizer, schedule, done) * len(chosen), done + 1
                if progress is not None:
                    progress(done, total, sums / (start + len(chosen)))
                if training.seconds is not None and time.process_time() - worked > training.seconds:
                    break
            else:
                losses.append(sums / len(order))
                continue
            losses.append(sums / (start + len(chosen)))
            break
        model.eval()
    return Trained(model, losses, len(rows), time.monotonic() - begun)


def descend(loss: torch.Tensor, optimizer: Any, schedule: Any, done: int) -> float:
    """One step down the gradient of a batch after `done` others; returns the loss as a number."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    schedule.step()
    value = loss.item()
    if not np.isfinite(value):
        raise Problem(f"the loss became {value} after {done} batches: a lower learning rate helps")
    return value


def _samples(log: Clicks, rows: np.ndarray, length: int, model: RecallModel) -> tuple[UserBatch, torch.Tensor]:
    span = max(log.times.max() - log.times.min(), 1.0)
    age = (log.times.max() - log.times[rows]) / span  # Example Age, 0 at the end of the log
    names = tuple(log.user_features)
    batch = user_batch(log, log.users[rows], rows, log.times[rows], length, names, age)
    return batch, torch.from_numpy(log.items[rows] + 1)


def _loss(
    model: RecallModel, batch: UserBatch, target: torch.Tensor, sampler: NegativeSampler, frequency: np.ndarray
) -> torch.Tensor:
    options = model.options
    true = model.item_vectors(target)
    user = model.training_user(batch, true)
    if getattr(options, "negatives", "sampled") == "in-batch":
        log_q = torch.from_numpy(frequency[target.numpy() - 1].astype(np.float32)) if options.log_q else None
        return in_batch_softmax(user @ true.T, target, options.temperature, log_q)
    drawn = sampler.draw(options.num_sampled)
    negative = torch.from_numpy(drawn + 1)
    true_log_q = negative_log_q = None
    if options.log_q:
        expected = sampler.log_expected(options.num_sampled)
        true_log_q, negative_log_q = torch.from_numpy(expected[target.numpy() - 1]), torch.from_numpy(expected[drawn])
    return sampled_softmax(
        (user * true).sum(dim=1), user @ model.item_vectors(negative).T, target, negative, options.temperature,
        true_log_q, negative_log_q,
    )
