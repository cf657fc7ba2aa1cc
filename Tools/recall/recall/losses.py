"""Sampled softmax in two forms. Both return the mean negative log likelihood of the true items.

The softmax over a sample estimates the softmax over the catalogue when each logit is lowered by the log of how often its
item is expected in the sample (Bengio and Senecal 2008; Jean et al. 2015; for in-batch negatives Yi et al. 2019, eq. 4):

    s'(u, i) = s(u, i) / temperature - log E[count of i in the sample]

minus, not plus: an item that is drawn often is pushed down often, and subtracting its log count takes that back. The corrected
scores are those of training only; serving ranks by s(u, i).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

MASKED = -1e9


def sampled_softmax(
    true_scores: Tensor, negative_scores: Tensor, true_items: Tensor, negative_items: Tensor, temperature: float,
    true_log_q: Tensor | None = None, negative_log_q: Tensor | None = None,
) -> Tensor:
    """true_scores (B,), negative_scores (B, N) against N negatives that the batch shares. log_q None: no correction.

    A negative that is the row's true item (an accidental hit) is masked.
    """
    true = true_scores / temperature
    negative = negative_scores / temperature
    if true_log_q is not None and negative_log_q is not None:
        true = true - true_log_q
        negative = negative - negative_log_q[None, :]
    negative = negative.masked_fill(true_items[:, None] == negative_items[None, :], MASKED)
    logits = torch.cat([true[:, None], negative], dim=1)
    return cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))


def in_batch_softmax(scores: Tensor, items: Tensor, temperature: float, log_q: Tensor | None = None) -> Tensor:
    """scores (B, B): row i is user i against the true items of all users of the batch; log_q (B,) of those items.

    Another row's item that is also row i's own is masked in row i.
    """
    logits = scores / temperature
    if log_q is not None:
        logits = logits - log_q[None, :]
    same = items[:, None] == items[None, :]
    same.fill_diagonal_(False)
    return cross_entropy(logits.masked_fill(same, MASKED), torch.arange(len(items)))
