"""YouTubeDNN: recommendation as extreme multiclass classification.

Covington, Adams, Sargin: "Deep Neural Networks for YouTube Recommendations", RecSys 2016, section 3. P(w = i | U, C) is a
softmax over u . v_i (section 3.1); u is a tower over the mean of the embedded watches, features of the user and the Example Age
(section 3.3), v_i the softmax weights, a table of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..histories import UserBatch
from ..problem import Problem
from .base import CatalogueShape, Features, RecallModel, beside, embedding, item_codes, pooled, tower


@dataclass(frozen=True)
class YouTubeDNNOptions:
    embedding_dim: int = 64
    hidden: tuple[int, ...] = (128,)      # the paper: 1024, 512, 256, for hundreds of billions of examples
    history_length: int = 50
    similarity: str = "cosine"            # "dot" is the paper's
    temperature: float = 0.07             # with "dot": 1
    pooling: str = "mean"                 # or "decay": weight 2^(-age / half_life_days)
    half_life_days: float = 7.0
    share_embeddings: bool = True         # one table for watches and softmax weights; the paper has two
    example_age: bool = True              # section 3.3: trained with the age of the example, served with 0
    num_sampled: int = 1000               # the paper: several thousand
    alpha: float = 0.75                   # negatives from q(i) ~ freq(i)^alpha
    log_q: bool = True                    # "corrected for this sampling via importance weighting", section 3.1
    feature_dim: int = 16
    init_std: float = 0.1


class YouTubeDNN(RecallModel):
    def __init__(self, options: YouTubeDNNOptions, catalogue: CatalogueShape) -> None:
        super().__init__(options, catalogue)
        if options.pooling not in ("mean", "decay"):
            raise Problem(f"pooling is {options.pooling!r}, expected mean or decay")
        if not options.half_life_days > 0:
            raise Problem(f"half_life_days is {options.half_life_days}, expected more than 0")
        self.watches = embedding(catalogue.items + 1, options.embedding_dim, options.init_std)
        shared = options.share_embeddings
        self.weights = self.watches if shared else embedding(catalogue.items + 1, options.embedding_dim, options.init_std)
        self.features = Features(catalogue.user_features, options.feature_dim, options.init_std)
        # Features of watched items are bags like the paper's search tokens: embedded and averaged beside the watches.
        self.watched_features = Features(catalogue.item_features, options.feature_dim, options.init_std)
        self.register_buffer("item_codes", item_codes(catalogue))
        inputs = options.embedding_dim + self.watched_features.width + self.features.width + (3 if options.example_age else 0)
        self.tower = tower(inputs, options.hidden, options.embedding_dim, nn.ReLU)

    def user_vectors(self, batch: UserBatch) -> Tensor:
        """u. The last layer is linear, so that u can point away from an item (the paper's is a ReLU)."""
        decay = torch.exp2(-batch.ages / self.options.half_life_days) if self.options.pooling == "decay" else None
        watched = beside(self.watches(batch.items), self.watched_features(self.item_codes[batch.items]))
        parts = [pooled(watched, batch.items, decay), self.features(batch.features)]
        if self.options.example_age:
            age = batch.example_age[:, None]
            # Powers as in section 4.1, at the scale of the embeddings: at their own they would drown the watches at first.
            parts.append(torch.cat([age, age.sqrt(), age * age], dim=1) * self.options.init_std)
        return self.scaled(self.tower(beside(*parts)))[:, None, :]

    def item_vectors(self, items: Tensor) -> Tensor:
        """v_i."""
        return self.scaled(self.weights(items))
