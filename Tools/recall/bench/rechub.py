"""torch-rechub's DSSM, YouTubeDNN and MIND beside ours: the same log, split, questions and CPU time each.

    Tools/recall/bench/run rechub --data clicks --seconds 100

"as configured": dimensions, negatives, learning rate, batch size, weight decay and initial embeddings of its examples
(release 0.9.0). "mended": embeddings from N(0, 0.1), 64 dimensions, the newest clicks of a history, 60 negatives (DSSM: those in
the batch), temperature 0.07 applied at the loss, no weight decay, our learning rate and batch size; MIND routes as in the
paper. Only the models and feature classes are the library's: batches come from our windows, as its sample generation takes
memory quadratic in history length.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch_rechub.basic.features import SequenceFeature, SparseFeature
from torch_rechub.basic.initializers import RandomNormal
from torch_rechub.basic.layers import CapsuleNetwork
from torch_rechub.models import matching

from recall.data import open_clicks
from recall.evaluate import by_exact_search, quality
from recall.health import inspect
from recall.histories import windows
from recall.models.mind import route
from recall.negatives import NegativeSampler
from recall.shown import quality_table
from recall.train import Training
from recall.workflow import Experiment, fit

LENGTH = 50


@dataclass(frozen=True)
class Setting:
    width: int           # of embeddings
    dims: tuple[int, ...]
    negatives: int
    temperature: float
    rate: float
    batch: int
    decay: float
    std: float
    mended: bool


CONFIGURED = {
    "dssm": Setting(16, (256, 128, 64), 3, 0.02, 1e-4, 4096, 1e-6, 1e-4, False),
    "youtube-dnn": Setting(16, (128, 64, 16), 3, 0.02, 1e-4, 2048, 1e-6, 1e-4, False),
    "mind": Setting(16, (), 3, 0.02, 1e-3, 256, 1e-6, 1e-4, False),
}
MENDED = {
    "dssm": Setting(64, (128, 64), 0, 0.07, 1e-2, 512, 0.0, 0.1, True),
    "youtube-dnn": Setting(64, (128, 64), 60, 0.07, 1e-2, 512, 0.0, 0.1, True),
    "mind": Setting(64, (), 60, 0.07, 1e-2, 512, 0.0, 0.1, True),
}


class PaperRouting(CapsuleNetwork):
    """Softmax over the interests, logits drawn once, padding without part."""

    def __init__(self, width: int) -> None:
        super().__init__(width, LENGTH, bilinear_type=0, interest_num=4)
        self.register_buffer("logits", torch.randn(LENGTH, 4))

    def forward(self, item_eb: Tensor, mask: Tensor) -> Tensor:
        held = torch.full((len(item_eb),), 4)
        return route(self.linear(item_eb), mask.float(), self.logits, held, self.routing_times)


def build(name: str, one: Setting, experiment: Experiment) -> nn.Module:
    train = experiment.split.train
    init = RandomNormal(0, one.std)
    items = SparseFeature("item", len(train.item_ids) + 1, one.width, initializer=init)
    user = SparseFeature("user", len(train.user_ids) + 1, one.width, initializer=init)
    padding = 0 if one.mended else None

    def history(pooling: str) -> SequenceFeature:
        return SequenceFeature("history", len(train.item_ids) + 1, one.width, pooling, "item", padding, init)

    negative = SequenceFeature("negatives", len(train.item_ids) + 1, one.width, "concat", "item", None, init)
    params = {"dims": list(one.dims)}
    if name == "dssm":
        sizes = {key: feature.size for key, feature in train.item_features.items()}
        kinds = [SparseFeature(f"f-{key}", size, one.width, initializer=init) for key, size in sizes.items()]
        both = {**params, "activation": "prelu"}
        return matching.DSSM([user, history("mean")], [items, *kinds], both, both, one.temperature)
    if name == "youtube-dnn":
        return matching.YoutubeDNN([user, history("mean")], [items], [negative], params, one.temperature)
    model = matching.MIND([user], [history("concat")], [items], [negative], LENGTH, one.temperature)
    if one.mended:
        model.capsule = PaperRouting(one.width)
    return model


def user_inputs(name: str, one: Setting, log, users, ends, times) -> dict[str, Tensor]:
    """The example of MIND keeps the oldest 50 clicks and pads at the right end; that is part of "as configured"."""
    if name == "mind" and not one.mended:
        first = np.minimum(ends, log.offsets[users] + LENGTH)
        window = windows(log, users, first, times, LENGTH)[0]
        shift = (window == 0).sum(axis=1)
        window = np.take_along_axis(window, (np.arange(LENGTH)[None, :] + shift[:, None]) % LENGTH, axis=1)
    else:
        window = windows(log, users, ends, times, LENGTH)[0]
    return {"history": torch.from_numpy(window), "user": torch.from_numpy(users + 1)}


def item_inputs(log, items: np.ndarray) -> dict[str, Tensor]:
    features = {f"f-{key}": torch.from_numpy(each.codes[items]) for key, each in log.item_features.items()}
    return {"item": torch.from_numpy(items + 1), **features}


def loss_of(name: str, one: Setting, model: nn.Module, x: dict[str, Tensor], log, items, sampler, rng) -> Tensor:
    entropy = nn.functional.cross_entropy
    if name == "dssm" and one.mended:
        scores = model.user_tower(x) @ model.item_tower({**x, **item_inputs(log, items)}).T
        return entropy(scores / one.temperature, torch.arange(len(items)))
    if name == "dssm":  # point-wise: clicks and three times as many others, binary cross entropy
        copies = 1 + one.negatives
        asked = np.concatenate([items, sampler.draw(len(items) * one.negatives)])
        label = torch.cat([torch.ones(len(items)), torch.zeros(len(items) * one.negatives)])
        repeated = {key: value.repeat(copies, *[1] * (value.ndim - 1)) for key, value in x.items()}
        return nn.functional.binary_cross_entropy(model({**repeated, **item_inputs(log, asked)}), label)
    drawn = sampler.draw(len(items) * one.negatives).reshape(len(items), one.negatives)
    scores = model({**x, **item_inputs(log, items), "negatives": torch.from_numpy(drawn + 1)})
    if name == "mind" and one.mended:
        scores = scores / one.temperature  # the model takes it and ignores it
    return entropy(scores, torch.zeros(len(items), dtype=torch.int64))


def run(name: str, one: Setting, experiment: Experiment, seconds: float):
    """Trains for so much CPU time, and measures by exact search like ours."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    log = experiment.split.train
    model = build(name, one, experiment)
    optimizer = torch.optim.Adam(model.parameters(), lr=one.rate, weight_decay=one.decay)
    sampler = NegativeSampler(log.item_counts, 0.75, rng)
    rows = np.flatnonzero(np.arange(len(log)) > log.offsets[log.users])
    begun, seen = time.process_time(), 0
    model.train()
    while time.process_time() - begun < seconds:
        order = rng.permutation(rows)
        for start in range(0, len(order), one.batch):
            chosen = order[start : start + one.batch]
            x = user_inputs(name, one, log, log.users[chosen], chosen, log.times[chosen])
            loss = loss_of(name, one, model, x, log, log.items[chosen], sampler, rng)
            model.zero_grad()
            loss.backward()
            optimizer.step()
            seen += len(chosen)
            if time.process_time() - begun >= seconds:
                break
    model.eval()
    with torch.no_grad():
        model.mode = "item"
        items = torch.cat([model.item_tower(item_inputs(log, part)) for part in np.array_split(np.arange(len(log.item_ids)), 16)])
        model.mode = "user"
        users, times = experiment.split.users, experiment.split.times
        asked = torch.cat([
            model.user_tower(user_inputs(name, one, log, users[part], log.offsets[users[part] + 1], times[part]))
            for part in np.array_split(np.arange(len(users)), 16)
        ])
    vectors, asked = items.numpy(), asked.numpy()
    asked = asked[:, None] if asked.ndim == 2 else asked
    keep, health = inspect(vectors)
    found = by_exact_search(vectors, keep, experiment.store_ids, asked, experiment.seen, max(experiment.depths), "ip")
    return quality(found, experiment.answers, len(experiment.store_ids), experiment.depths), seen / len(rows)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", required=True)
    made.add_argument("--seconds", type=float, required=True, help="CPU time of each training")
    made.add_argument("--test-users", type=int, default=10_000)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--models", default="dssm,youtube-dnn,mind")
    made.add_argument("--json", action="store_true")
    given = made.parse_args()
    torch.set_num_threads(given.threads)
    experiment = Experiment.of(open_clicks(given.data), given.test_users)
    shown = dict(experiment.baselines)
    for name in given.models.split(","):
        for label, setting in (("as configured", CONFIGURED[name]), ("mended", MENDED[name])):
            key = f"{name}, torch-rechub {label}"
            shown[key], epochs = run(name, setting, experiment, given.seconds)
            print(f"{key}: {epochs:.2f} epochs, HitRate@100 {shown[key].hit_rate[100]:.4f}", file=sys.stderr, flush=True)
        training = Training(epochs=20, batch_size=512, seconds=given.seconds, threads=given.threads)
        ours = fit(name, {"history_length": LENGTH}, experiment, training)
        shown[f"{name}, ours"] = ours.exact
        line = f"{name}, ours: {len(ours.trained.losses)} epochs begun, HitRate@100 {ours.exact.hit_rate[100]:.4f}"
        print(line, file=sys.stderr, flush=True)
    print(json.dumps({key: one.as_dict() for key, one in shown.items()}) if given.json else quality_table(shown))


if __name__ == "__main__":
    main()
