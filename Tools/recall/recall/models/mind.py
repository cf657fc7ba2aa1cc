"""MIND: several interests of a user, by dynamic routing.

Li, Liu, Wu, Xu, Zhao, Huang, Kang, Chen, Li, Lee: "Multi-Interest Network with Dynamic Routing for Recommendation at Tmall",
CIKM 2019. Equation and algorithm numbers are the paper's. Three things go wrong easily, and decide how good it is:

* the coupling coefficients are a softmax over the interests for each behaviour (each behaviour spreads one unit of itself
  over the interests), not over the behaviours;
* the routing logits start from random numbers, so that interests differ at all, but the numbers are drawn once: with new ones
  per request the same user gets other candidates each time. Here they are a table by position and interest, part of
  the model;
* padding takes no part in anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor, nn

from ..histories import PADDING, UserBatch
from ..problem import Problem
from .base import CatalogueShape, Features, RecallModel, beside, embedding, item_codes, tower

MASKED = -1e9


@dataclass(frozen=True)
class MINDOptions:
    embedding_dim: int = 64
    hidden: tuple[int, ...] = (256,)     # of the layers behind each interest capsule
    history_length: int = 50
    similarity: str = "cosine"           # "dot" is the paper's
    temperature: float = 0.07            # with "dot": 1
    num_interests: int = 4               # K, 1 to 8
    adaptive_interests: bool = True      # K'_u = max(1, min(K, log2 |I_u|)), eq. 9
    routing_rounds: int = 3              # r of algorithm 1
    routing_std: float = 1.0             # sigma of the initial logits
    pow_p: float = inf                   # p of eq. 10; the paper recommends a large one, inf picks the best interest
    num_sampled: int = 1000
    alpha: float = 0.75                  # negatives from q(i) ~ freq(i)^alpha
    log_q: bool = True
    feature_dim: int = 16
    init_std: float = 0.1


def squash(z: Tensor) -> Tensor:
    """Eq. 7: keeps the direction, maps the length into [0, 1): long vectors to almost 1, short ones to almost 0."""
    square = (z * z).sum(dim=-1, keepdim=True)
    return square / (1 + square) * z * torch.rsqrt(square + 1e-12)


def interests_held(history_lengths: Tensor, most: int) -> Tensor:
    """Eq. 9 in whole numbers: the count of j = 1 ... K with 2^j <= |I_u|, at least 1."""
    powers = torch.tensor([2**j for j in range(1, most + 1)])
    return (history_lengths[:, None] >= powers[None, :]).sum(dim=1).clamp(1, most)


def route(behaviours: Tensor, present: Tensor, logits: Tensor, held: Tensor, rounds: int) -> Tensor:
    """Behaviour-to-interest dynamic routing, algorithm 1, lines 3 to 9.

    behaviours (B, L, d): S e_i, the bilinear map applied (it is one for all pairs, so it is applied once). present (B, L).
    logits (L, K): where b_ij starts. held (B,): K'_u. Returns (B, K, d); capsules beyond K'_u are zero.
    As usual for capsules, gradients flow through the last round alone: the earlier ones only find the coupling.
    """
    capsules = torch.arange(logits.shape[1])
    alive = capsules[None, :] < held[:, None]                                    # (B, K)
    b = logits[None, :, :] + torch.zeros_like(present)[:, :, None]
    fixed = behaviours.detach()
    for turn in range(rounds):
        w = torch.softmax(b.masked_fill(~alive[:, None, :], MASKED), dim=2)     # eq. 5, over the interests
        w = w * present[:, :, None] * alive[:, None, :]
        source = behaviours if turn == rounds - 1 else fixed
        u = squash(torch.einsum("blk,bld->bkd", w, source))                     # eq. 6, 7
        if turn < rounds - 1:
            b = b + torch.einsum("bkd,bld->blk", u, fixed)                       # eq. 4
    return u


def label_aware_attention(interests: Tensor, alive: Tensor, label: Tensor, p: float) -> Tensor:
    """Eq. 10: v = V softmax(pow(V^T e, p)) over the interests that there are.

    p = 0: their mean. p = inf: the interest that fits the label best. An odd power of a negative score stays negative for
    every p, so that a poor fit never counts as a good one.
    """
    fit = torch.einsum("bkd,bd->bk", interests, label)
    if p == inf:
        best = fit.masked_fill(~alive, MASKED).argmax(dim=1)
        return interests[torch.arange(len(interests)), best]
    power = torch.ones_like(fit) if p == 0 else fit.sign() * fit.abs().clamp_min(1e-12).pow(p)
    return torch.einsum("bk,bkd->bd", torch.softmax(power.masked_fill(~alive, MASKED), dim=1), interests)


class MIND(RecallModel):
    def __init__(self, options: MINDOptions, catalogue: CatalogueShape) -> None:
        super().__init__(options, catalogue)
        if not 1 <= options.num_interests <= 8:
            raise Problem(f"num_interests is {options.num_interests}, expected 1 to 8 (vecd takes up to 8 in a request)")
        if options.routing_rounds < 1:
            raise Problem(f"routing_rounds is {options.routing_rounds}, expected 1 or more")
        self.interests = options.num_interests
        width = options.embedding_dim
        self.items = embedding(catalogue.items + 1, width, options.init_std)    # of behaviours and labels alike
        self.features = Features(catalogue.user_features, options.feature_dim, options.init_std)
        self.item_features = Features(catalogue.item_features, width, options.init_std)
        self.register_buffer("item_codes", item_codes(catalogue))
        self.bilinear = nn.Linear(width, width, bias=False)                     # S
        logits = torch.randn(options.history_length, options.num_interests) * options.routing_std
        self.register_buffer("routing_logits", logits)
        self.tower = tower(width + self.features.width, options.hidden, width, nn.ReLU)

    def capsules(self, batch: UserBatch) -> tuple[Tensor, Tensor]:
        """Interests behind their layers (B, K, d), and which of them the user has (B, K)."""
        present = batch.items != PADDING
        lengths = present.sum(dim=1)
        most = self.options.num_interests
        held = interests_held(lengths, most) if self.options.adaptive_interests else torch.full_like(lengths, most)
        routed = route(
            self.bilinear(self._embedded(batch.items)), present.to(torch.float32), self.routing_logits, held,
            self.options.routing_rounds,
        )
        profile = self.features(batch.features)
        spread = None if profile is None else profile[:, None, :].expand(-1, most, -1)
        vectors = self.scaled(self.tower(beside(routed, spread)))
        return vectors, torch.arange(most)[None, :] < held[:, None]

    def user_vectors(self, batch: UserBatch) -> Tensor:
        """All K interests; those that the user has not repeat the first, so that no zero vector is ever sent to a store."""
        vectors, alive = self.capsules(batch)
        return torch.where(alive[:, :, None], vectors, vectors[:, :1, :])

    def training_user(self, batch: UserBatch, true_vectors: Tensor) -> Tensor:
        vectors, alive = self.capsules(batch)
        return label_aware_attention(vectors, alive, true_vectors, self.options.pow_p)

    def item_vectors(self, items: Tensor) -> Tensor:
        return self.scaled(self._embedded(items))

    def _embedded(self, items: Tensor) -> Tensor:
        """Section 3.2: the mean of the embeddings of the item's id and of its categorical features."""
        codes = self.item_codes[items]
        parts = [self.items(items), *(table(codes[..., column]) for column, table in enumerate(self.item_features.tables))]
        return torch.stack(parts).mean(dim=0)
