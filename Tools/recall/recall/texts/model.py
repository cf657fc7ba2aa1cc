"""DSSM on words: Huang et al., "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data", CIKM 2013.

As there: words hashed to letter trigrams, a query tower and a document tower, the cosine of the two (eq. 4). Otherwise than
there: rows for whole words beside those of trigrams, and a mean weighted by idf before the first layer in place of a count
vector times a matrix (the same thing, but for the weights: a row of the embedding table is a column of that matrix).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..models.base import tower
from .words import Bags


@dataclass(frozen=True)
class TextOptions:
    embedding_dim: int = 64              # of the vectors, d
    word_dim: int = 64                   # of the rows of words and trigrams
    hidden: tuple[int, ...] = ()         # the paper has 300, 300; here one linear layer found more, see docs/recall.md
    shared: bool = True                  # one table for both towers, or one each
    subreddit_dim: int = 32              # of the subreddit as a feature of the document; 0 leaves it out
    min_count: int = 2                   # words of fewer titles have trigrams alone
    buckets: int = 20_000                # of trigrams; 0: words only
    temperature: float = 0.05
    init_std: float = 0.1
    aligned: bool = True                 # both towers begin with the same weights for words, so equal words attract at once


class TextDSSM(nn.Module):
    def __init__(self, options: TextOptions, rows: int, subreddits: int) -> None:
        super().__init__()
        self.options = options
        self.query_words = self._table(rows)
        self.document_words = self.query_words if options.shared else self._table(rows)
        self.subreddits = None
        if options.subreddit_dim:
            self.subreddits = nn.Embedding(subreddits, options.subreddit_dim)
            nn.init.normal_(self.subreddits.weight, 0.0, options.init_std)
        self.query_tower = tower(options.word_dim, options.hidden, options.embedding_dim, nn.Tanh)
        self.document_tower = tower(options.word_dim + options.subreddit_dim, options.hidden, options.embedding_dim, nn.Tanh)

        if options.aligned:
            with torch.no_grad():
                self.document_tower[0].weight[:, : options.word_dim] = self.query_tower[0].weight

    def _table(self, rows: int) -> nn.EmbeddingBag:
        table = nn.EmbeddingBag(rows, self.options.word_dim, mode="sum")
        nn.init.normal_(table.weight, 0.0, self.options.init_std)
        return table

    def queries(self, bags: Bags) -> Tensor:
        """(n, d), of length 1."""
        return normalize(self.query_tower(_pooled(self.query_words, bags)), dim=1, eps=1e-8)

    def documents(self, bags: Bags, subreddits: Tensor) -> Tensor:
        """(n, d), of length 1; subreddits (n,) are codes."""
        inputs = _pooled(self.document_words, bags)
        if self.subreddits is not None:
            inputs = torch.cat([inputs, self.subreddits(subreddits)], dim=1)
        return normalize(self.document_tower(inputs), dim=1, eps=1e-8)


def _pooled(table: nn.EmbeddingBag, bags: Bags) -> Tensor:
    """(n, word_dim); a text without a row is zero here, and its vector is what the bias of the tower says."""
    return table(torch.from_numpy(bags.rows), torch.from_numpy(bags.offsets), per_sample_weights=torch.from_numpy(bags.weights))
