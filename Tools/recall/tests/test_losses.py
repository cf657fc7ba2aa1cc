"""The softmax over a sample, with the correction, is the softmax over the catalogue; without it, it is another one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recall.losses import in_batch_softmax, sampled_softmax
from recall.negatives import NegativeSampler
from recall.problem import Problem


def test_negatives_follow_frequency_to_the_alpha() -> None:
    counts = np.array([0, 1, 10, 100, 0])
    for alpha in (0.0, 0.75, 1.0):
        drawn = NegativeSampler(counts, alpha, np.random.default_rng(1)).draw(200_000)
        shares = np.bincount(drawn, minlength=5) / len(drawn)
        expected = np.where(counts > 0, np.maximum(counts, 1.0) ** alpha, 0)
        assert np.allclose(shares, expected / expected.sum(), atol=0.005) and shares[0] == shares[4] == 0
    with pytest.raises(Problem, match="alpha is -1"):
        NegativeSampler(counts, -1, np.random.default_rng(1))


def test_sampled_softmax_by_hand() -> None:
    true, negative = torch.tensor([0.5, -0.2]), torch.tensor([[0.1, 0.3], [0.0, 0.4]])
    items, drawn = torch.tensor([3, 7]), torch.tensor([7, 2])
    log_q, drawn_log_q = torch.log(torch.tensor([0.2, 0.4])), torch.log(torch.tensor([0.4, 0.1]))
    got = sampled_softmax(true, negative, items, drawn, 0.5, log_q, drawn_log_q).item()
    rows = []
    for i in range(2):
        exponents = [true[i] / 0.5 - log_q[i]]
        exponents += [negative[i, j] / 0.5 - drawn_log_q[j] for j in range(2) if drawn[j] != items[i]]  # no accidental hit
        rows.append(-(exponents[0] - torch.logsumexp(torch.stack(exponents), 0)))
    assert got == pytest.approx(torch.stack(rows).mean().item(), abs=1e-6)


def test_in_batch_softmax_by_hand() -> None:
    scores, items = torch.tensor([[0.9, 0.1, 0.2], [0.3, 0.8, 0.1], [0.5, 0.0, 0.6]]), torch.tensor([4, 5, 4])
    log_q = torch.log(torch.tensor([0.5, 0.1, 0.5]))
    got = in_batch_softmax(scores, items, 0.1, log_q).item()
    logits = scores / 0.1 - log_q
    rows = [[0, 1], [0, 1, 2], [1, 2]]  # rows 0 and 2 have the same item: it is no negative of itself
    expected = [-(logits[i, i] - torch.logsumexp(logits[i, kept], 0)) for i, kept in enumerate(rows)]
    assert got == pytest.approx(torch.stack(expected).mean().item(), abs=1e-6)


@pytest.mark.parametrize("corrected", [True, False])
def test_the_correction_points_the_right_way(corrected: bool) -> None:
    """One user, items clicked in known shares: free scores trained with negatives skewed the other way must end at the log of
    the shares, up to a constant. Without the correction (or with its sign turned) they end far from there."""
    shares = 1.0 / np.arange(1, 41)
    shares /= shares.sum()
    rng = np.random.default_rng(2)
    sampler = NegativeSampler(np.arange(1, 41), 1.0, rng)
    free = torch.zeros(40, requires_grad=True)
    optimizer = torch.optim.Adam([free], lr=0.03)
    expected = torch.from_numpy(sampler.log_expected(20))
    for _ in range(600):
        clicked, drawn = torch.from_numpy(rng.choice(40, 512, p=shares)), torch.from_numpy(sampler.draw(20))
        log_q = (expected[clicked], expected[drawn]) if corrected else (None, None)
        loss = sampled_softmax(free[clicked], free[drawn].expand(512, -1), clicked, drawn, 1.0, *log_q)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learnt = torch.log_softmax(free.detach(), 0).numpy()
    off = np.abs(learnt - np.log(shares)).mean()
    assert off < 0.2 if corrected else off > 0.8, off
