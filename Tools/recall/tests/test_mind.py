"""The equations of MIND against loops that read like the paper."""

from __future__ import annotations

from math import inf, log2

import numpy as np
import pytest
import torch

from recall.histories import UserBatch
from recall.models import CatalogueShape, make, options_of
from recall.models.mind import interests_held, label_aware_attention, route, squash


def naive_squash(z: np.ndarray) -> np.ndarray:
    square = float(z @ z)
    return square / (1 + square) * z / np.sqrt(square + 1e-12)


def naive_route(behaviours: np.ndarray, logits: np.ndarray, held: int, rounds: int) -> np.ndarray:
    """Algorithm 1 for one user without padding, an equation per line."""
    b = logits[:, :held].copy()
    interests = np.zeros((held, behaviours.shape[1]))
    for turn in range(rounds):
        w = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)          # over the interests of each behaviour
        for j in range(held):
            z = sum(w[i, j] * behaviours[i] for i in range(len(behaviours)))
            interests[j] = naive_squash(z)
        for i in range(len(behaviours)):
            for j in range(held):
                b[i, j] += interests[j] @ behaviours[i]
    return interests


def test_squash_keeps_direction_and_bounds_length() -> None:
    z = torch.tensor([[3.0, 4.0], [0.0, 0.001], [0.0, 0.0]], requires_grad=True)
    got = squash(z)
    assert torch.allclose(got[0], torch.tensor([3.0, 4.0]) / 5 * 25 / 26, atol=1e-6)
    assert got[1].norm() < 1e-5 and torch.equal(got[2], torch.zeros(2))
    got.sum().backward()
    assert torch.isfinite(z.grad).all(), "the gradient at zero is not a number"


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_routing_is_algorithm_1(rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    length, most, width = 9, 4, 6
    logits = rng.standard_normal((length, most))
    lengths = [9, 5, 2, 1]
    behaviours, present = np.zeros((4, length, width)), np.zeros((4, length))
    for row, count in enumerate(lengths):
        behaviours[row] = rng.standard_normal((length, width))  # padding holds garbage that must not matter
        present[row, -count:] = 1
    held = torch.tensor([4, 2, 1, 1])
    got = route(torch.tensor(behaviours), torch.tensor(present), torch.tensor(logits), held, rounds).numpy()
    for row, count in enumerate(lengths):
        expected = naive_route(behaviours[row, -count:], logits[-count:], int(held[row]), rounds)
        assert np.allclose(got[row, : held[row]], expected, atol=1e-9)
        assert not got[row, held[row] :].any(), "an interest that the user has not is not zero"


def test_the_number_of_interests_is_equation_9() -> None:
    lengths = torch.arange(0, 300)
    got = interests_held(lengths, 4)
    assert got.tolist() == [max(1, min(4, int(log2(n)))) if n else 1 for n in lengths.tolist()]


def test_label_aware_attention_is_equation_10() -> None:
    generator = torch.Generator().manual_seed(1)
    interests, label = torch.randn(5, 3, 4, generator=generator), torch.randn(5, 4, generator=generator)
    alive = torch.tensor([[True, True, True], [True, True, False], [True, False, False], [True, True, True], [True, True, True]])
    for p in (0.0, 1.0, 3.0):
        got = label_aware_attention(interests, alive, label, p)
        for row in range(5):
            of = interests[row][alive[row]]
            fit = of @ label[row]
            power = fit.sign() * fit.abs() ** p if p else torch.ones(len(of))
            assert torch.allclose(got[row], torch.softmax(power, 0) @ of, atol=1e-5)
    best = label_aware_attention(interests, alive, label, inf)
    large = label_aware_attention(interests * 3, alive, label * 3, 9.0) / 3
    for row in range(5):
        of = interests[row][alive[row]]
        assert torch.equal(best[row], of[(of @ label[row]).argmax()])
    assert torch.allclose(best[2], large[2])


def batch_of(lengths: list[int], length: int, items: int, seed: int = 1) -> UserBatch:
    rng = np.random.default_rng(seed)
    window = np.zeros((len(lengths), length), np.int64)
    for row, count in enumerate(lengths):
        if count:
            window[row, -count:] = rng.integers(1, items + 1, count)
    return UserBatch(torch.from_numpy(window), torch.zeros(len(lengths), length), torch.zeros(len(lengths), 0, dtype=torch.int64),
                     torch.zeros(len(lengths)))


def test_inference_repeats_itself_to_the_bit_and_ignores_company() -> None:
    """The routing logits are part of the model: no request draws new ones. Other users of a batch change nothing."""
    torch.manual_seed(3)
    model = make("mind", options_of("mind", {"embedding_dim": 16, "history_length": 12}), CatalogueShape(50)).eval()
    batch = batch_of([12, 5, 1, 0], 12, 50)
    first = model.user_vectors(batch)
    assert torch.equal(first, model.user_vectors(batch))
    alone = model.user_vectors(batch_of([12], 12, 50))
    assert torch.allclose(first[:1], alone, atol=1e-6)
    assert "routing_logits" in model.state_dict()


def test_interests_that_a_user_has_not_repeat_the_first() -> None:
    torch.manual_seed(4)
    model = make("mind", options_of("mind", {"embedding_dim": 16, "history_length": 20}), CatalogueShape(50)).eval()
    vectors = model.user_vectors(batch_of([20, 5, 3, 0], 20, 50))
    assert torch.isfinite(vectors).all() and (vectors.norm(dim=2) > 0.99).all(), "a zero vector would be sent to the store"
    distinct = [len(torch.unique(one.round(decimals=5), dim=0)) for one in vectors.detach()]
    assert distinct == [4, 2, 1, 1]


def test_routing_spreads_behaviours_over_interests() -> None:
    """Two clearly different groups of clicks end in different interests: the point of the model."""
    behaviours = torch.zeros(1, 8, 4)
    behaviours[0, :4, 0], behaviours[0, 4:, 1] = 3.0, 3.0
    logits = torch.zeros(8, 2)
    logits[:, 0] = torch.tensor([0.2, 0.1, 0.3, 0.1, -0.1, -0.2, 0.0, -0.3])
    got = route(behaviours, torch.ones(1, 8), logits, torch.tensor([2]), 3)[0]
    assert got[0, 0] > 0.9 and got[1, 1] > 0.9 and got[0, 1] < 0.35 and got[1, 0] < 0.35
