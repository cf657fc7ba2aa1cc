"""DSSM: two towers and a cosine.

Huang, He, Gao, Deng, Acero, Heck: "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data", CIKM 2013.
Queries and documents of the paper are users and items here: the query side is the user's history and features, the
document side the item's id and features. Equations are the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..histories import PADDING, UserBatch
from .base import CatalogueShape, Features, RecallModel, beside, embedding, item_codes, pooled, tower


@dataclass(frozen=True)
class DSSMOptions:
    embedding_dim: int = 64
    hidden: tuple[int, ...] = (128,)     # layers of each tower before the last; the paper has 300, 300, 128
    history_length: int = 50
    similarity: str = "cosine"           # eq. 4
    temperature: float = 0.07            # 1 / gamma of eq. 5; the field's usual range is 0.03 to 0.2
    negatives: str = "in-batch"          # or "sampled": `num_sampled` drawn from q(i) ~ freq(i)^alpha
    num_sampled: int = 500
    alpha: float = 0.75
    log_q: bool = True                   # correct the softmax for how often an item is a negative (Yi et al. 2019)
    id_dropout: float = 0.1              # share of items that training shows without their id, see `item_vectors`
    min_count: int = 1                   # items with fewer training clicks have no id of their own
    feature_dim: int = 16
    init_std: float = 0.1


class DSSM(RecallModel):
    def __init__(self, options: DSSMOptions, catalogue: CatalogueShape) -> None:
        super().__init__(options, catalogue)
        width = options.embedding_dim
        self.unknown = catalogue.items + 1  # a row for "an item whose id says nothing"
        self.ids = embedding(catalogue.items + 2, width, options.init_std)
        self.item_features = Features(catalogue.item_features, options.feature_dim, options.init_std)
        self.user_features = Features(catalogue.user_features, options.feature_dim, options.init_std)
        self.register_buffer("item_codes", item_codes(catalogue))
        has_id = torch.zeros(catalogue.items + 1, dtype=torch.bool)
        has_id[1:] = catalogue.counts >= options.min_count
        self.register_buffer("has_id", has_id)
        side = width + self.item_features.width
        self.user_tower = tower(side + self.user_features.width, options.hidden, options.embedding_dim, nn.Tanh)
        self.item_tower = tower(side, options.hidden, options.embedding_dim, nn.Tanh)

    def user_vectors(self, batch: UserBatch) -> Tensor:
        """y_Q of eq. 3 (tanh layers), of the mean of what was clicked and the user's features."""
        history = pooled(self._described(batch.items), batch.items)
        return self.scaled(self.user_tower(beside(history, self.user_features(batch.features))))[:, None, :]

    def item_vectors(self, items: Tensor) -> Tensor:
        """y_D of eq. 3.

        An item that training (almost) never saw has no id embedding worth the name: it gets the shared `unknown` row, which
        training learns by hiding ids now and then, and so a vector by its features alone. Such items of equal features are
        duplicates of each other.
        """
        if self.training and self.options.id_dropout > 0:
            hidden = torch.rand(items.shape) < self.options.id_dropout
        else:
            hidden = torch.zeros(items.shape, dtype=torch.bool)
        return self.scaled(self.item_tower(self._described(items, hidden)))

    def _described(self, items: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Embedding of the id beside those of the features; zero for padding."""
        keeps_id = self.has_id[items] if hidden is None else self.has_id[items] & ~hidden
        ids = torch.where(keeps_id | (items == PADDING), items, torch.full_like(items, self.unknown))
        return beside(self.ids(ids), self.item_features(self.item_codes[items]))
