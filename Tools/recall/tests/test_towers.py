"""What all three models must do: learn every parameter, ignore padding, repeat themselves, export to ONNX unchanged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recall.data import Clicks, Feature
from recall.embed import item_vectors, user_vectors
from recall.export import export_user_tower, largest_difference
from recall.histories import UserBatch, user_batch
from recall.models import make, options_of
from recall.problem import Problem
from recall.tower import Tower
from recall.train import Training, catalogue_shape, train

NAMES = ["dssm", "youtube-dnn", "mind"]
SMALL = {"embedding_dim": 16, "hidden": [24], "history_length": 10}


def log(features: bool = True) -> Clicks:
    """Users of group g click items with item % 4 == g."""
    rng = np.random.default_rng(1)
    users = np.repeat(np.arange(80), 12)
    items = rng.integers(0, 20, len(users)) * 4 + users % 4
    clicks = Clicks.build(users, items, rng.integers(0, 10**6, len(users)), np.arange(84)).first_per_user_and_item()
    if not features:
        return clicks
    from dataclasses import replace

    kinds = Feature.of(np.array([f"kind {item % 8}" for item in clicks.item_ids]))
    towns = Feature.of(np.array([f"town {user % 3}" for user in clicks.user_ids]))
    return replace(clicks, item_features={"kind": kinds}, user_features={"town": towns})


def all_users(clicks: Clicks, length: int) -> UserBatch:
    users = np.arange(len(clicks.user_ids))
    now = np.full(len(users), clicks.times.max())
    return user_batch(clicks, users, clicks.offsets[users + 1], now, length, tuple(clicks.user_features))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_shapes_and_gradients(name: str, similarity: str) -> None:
    clicks = log()
    torch.manual_seed(1)
    model = make(name, options_of(name, {**SMALL, "similarity": similarity}), catalogue_shape(clicks))
    batch = all_users(clicks, 10)
    items = torch.arange(84) + 1
    vectors = model.item_vectors(items)
    users = model.user_vectors(batch)
    assert vectors.shape == (84, 16) and users.shape == (80, model.interests, 16)
    assert model.metric == ("cosine" if similarity == "cosine" else "ip")
    if similarity == "cosine":
        assert torch.allclose(users.norm(dim=2), torch.ones(80, model.interests), atol=1e-5)
        assert torch.allclose(vectors.norm(dim=1), torch.ones(84), atol=1e-5)
    target = torch.arange(80) + 1
    (model.training_user(batch, model.item_vectors(target)) * model.item_vectors(target)).sum().backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all() and parameter.grad.abs().sum() > 0, label
    tables = [module for module in model.modules() if isinstance(module, torch.nn.Embedding) and module.padding_idx == 0]
    assert all(not table.weight[0].any() and not table.weight.grad[0].any() for table in tables), "padding is trained"


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    clicks = log()
    torch.manual_seed(2)
    # One routing round and a soft attention: no detached and no discrete step stands between.
    more = {"routing_rounds": 1, "pow_p": 1.0, "init_std": 0.5} if name == "mind" else {"init_std": 0.5}
    more |= {"id_dropout": 0.0} if name == "dssm" else {}
    if name == "youtube-dnn":
        more["pooling"] = "decay"
    model = make(name, options_of(name, {**SMALL, **more}), catalogue_shape(clicks)).double()
    full = all_users(clicks, 10)
    batch = UserBatch(full.items[:6], full.ages[:6].double(), full.features[:6], torch.linspace(0.1, 1, 6).double())
    target = torch.arange(6) + 1

    def value() -> torch.Tensor:
        true = model.item_vectors(target)
        return (model.training_user(batch, true) * true).sum()

    value().backward()
    generator = torch.Generator().manual_seed(5)
    for label, parameter in model.named_parameters():
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if "ids" in label or "watches" in label or "weights" in label or label == "items.weight":
            direction[0] = 0.0  # padding
        step = 1e-6
        with torch.no_grad():
            parameter.add_(step * direction)
            above = value()
            parameter.sub_(2 * step * direction)
            below = value()
            parameter.add_(step * direction)
        expected = ((above - below) / (2 * step)).item()
        assert (parameter.grad * direction).sum().item() == pytest.approx(expected, rel=2e-3, abs=1e-5), label


@pytest.mark.parametrize("name", NAMES)
def test_a_longer_window_of_padding_changes_nothing(name: str) -> None:
    """Histories shorter than the window: what stands in the padding must not reach the vector."""
    clicks = log()
    torch.manual_seed(3)
    model = make(name, options_of(name, SMALL), catalogue_shape(clicks)).eval()
    batch = all_users(clicks, 10)
    items, ages = batch.items.clone(), batch.ages.clone()
    items[:, :6], ages[:, :6] = 0, 0.0
    other = ages.clone()
    other[:, :6] = 300.0
    first = model.user_vectors(UserBatch(items, ages, batch.features, batch.example_age))
    assert torch.equal(first, model.user_vectors(UserBatch(items, other, batch.features, batch.example_age)))


@pytest.mark.parametrize("name", NAMES)
def test_training_learns_and_repeats_itself_to_the_bit(name: str) -> None:
    clicks = log()
    options = options_of(name, {**SMALL, "num_sampled": 40})
    training = Training(epochs=10, batch_size=64, learning_rate=0.01, seed=7, threads=1)
    torch.manual_seed(123)  # what was drawn before must not matter
    first = train(name, options, clicks, training)
    torch.manual_seed(456)
    again = train(name, options, clicks, training)
    other = train(name, options, clicks, Training(epochs=1, batch_size=64, seed=8, threads=1))
    assert first.losses == again.losses and first.losses[-1] < first.losses[0] * 0.9
    assert all(torch.equal(a, b) for a, b in zip(first.model.state_dict().values(), again.model.state_dict().values()))
    assert other.losses[0] != first.losses[0]
    # Users of a group are nearer to its items than to those of the others.
    items, users = item_vectors(first.model), user_vectors(first.model, clicks, np.arange(80), np.full(80, 10.0**6))
    scores = np.einsum("nkd,id->nki", users, items).max(axis=1)[:, :80]
    own = (np.arange(80)[None, :] % 4) == (np.arange(80)[:, None] % 4)
    assert scores[own].mean() > scores[~own].mean() + 0.3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("features", [True, False])
def test_onnx_says_what_torch_says(name: str, features: bool, tmp_path) -> None:
    clicks = log(features)
    torch.manual_seed(4)
    model = make(name, options_of(name, SMALL), catalogue_shape(clicks)).eval()
    batch = all_users(clicks, 10)
    batch.items[0] = 0  # a user without history
    batch.items[1, :-1] = 0
    path = tmp_path / "tower.onnx"
    export_user_tower(model, len(clicks.user_features), path)
    assert largest_difference(model, path, batch) <= 1e-4
    tower = Tower(path)
    given = (batch.items.numpy(), batch.ages.numpy(), batch.features.numpy())
    assert np.array_equal(tower(*given), tower(*given))
    assert tower.length == 10
    with torch.no_grad():
        (model.user_tower if name == "dssm" else model.tower)[0].weight.add_(0.5)
    with pytest.raises(Problem, match="differs from torch"):
        largest_difference(model, path, batch)


def test_items_without_clicks_share_what_their_features_say() -> None:
    """DSSM: an item that training never saw has no id; two of one kind are duplicates, and near the others of that kind."""
    clicks = log()
    assert (clicks.item_counts[80:] == 0).all()  # 80 ... 83 of the catalogue
    trained = train("dssm", options_of("dssm", SMALL), clicks, Training(epochs=3, batch_size=64, threads=1))
    vectors = item_vectors(trained.model)
    assert not np.array_equal(vectors[80], vectors[81])  # kinds 0 and 1
    same = vectors[:80:8] @ vectors[80]
    others = vectors[2:80:4] @ vectors[80]
    assert same.mean() > others.mean()


@pytest.mark.parametrize("name", NAMES)
def test_somebody_without_history_has_a_vector(name: str) -> None:
    """Before any training too: a zero vector would be refused by the store."""
    clicks = log(features=False)
    model = make(name, options_of(name, SMALL), catalogue_shape(clicks)).eval()
    nothing = torch.zeros(1, 10)
    nobody = UserBatch(nothing.long(), nothing, nothing[:, :0].long(), nothing[:, 0])
    assert (model.user_vectors(nobody).norm(dim=2) > 0.99).all()


def test_time_decay_weighs_recent_clicks_more() -> None:
    from recall.models.base import pooled

    vectors, items = torch.eye(3)[None], torch.tensor([[1, 2, 0]])
    decay = torch.exp2(-torch.tensor([[7.0, 0.0, 0.0]]) / 7.0)
    assert torch.allclose(pooled(vectors, items), torch.tensor([[0.5, 0.5, 0.0]]))
    assert torch.allclose(pooled(vectors, items, decay), torch.tensor([[1 / 3, 2 / 3, 0.0]]))
    assert not pooled(vectors, torch.zeros(1, 3, dtype=torch.int64)).any()


def test_unknown_options_are_named() -> None:
    with pytest.raises(Problem, match="mind has no option 'heads'; it has embedding_dim"):
        options_of("mind", {"heads": 3})
    with pytest.raises(Problem, match="num_interests is 9, expected 1 to 8"):
        make("mind", options_of("mind", {"num_interests": 9}), catalogue_shape(log()))
