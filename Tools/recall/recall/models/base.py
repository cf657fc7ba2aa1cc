"""What the three towers share: the shape of the data, embeddings, similarity, and the form in which they answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..histories import PADDING, UserBatch
from ..problem import Problem


@dataclass(frozen=True)
class CatalogueShape:
    """How many items there are, the sizes of the vocabularies of features, and the codes of each item's features."""

    items: int
    user_features: tuple[tuple[str, int], ...] = ()
    item_features: tuple[tuple[str, int], ...] = ()
    item_codes: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.int64))  # (items, F)
    counts: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))  # training clicks of each item


class RecallModel(nn.Module):
    """A user tower and an item tower into one space of `dimension`, compared by `similarity`.

    In batches and in `items`, an item is its catalogue index + 1; 0 is padding.
    """

    interests = 1

    def __init__(self, options, catalogue: CatalogueShape) -> None:
        super().__init__()
        if options.similarity not in ("cosine", "dot"):
            raise Problem(f"similarity is {options.similarity!r}, expected cosine or dot")
        self.options = options
        self.catalogue_size = catalogue.items
        self.dimension: int = options.embedding_dim

    @property
    def metric(self) -> str:
        """The metric of the collection in vecd."""
        return "cosine" if self.options.similarity == "cosine" else "ip"

    def scaled(self, vectors: Tensor) -> Tensor:
        return normalize(vectors, dim=-1, eps=1e-8) if self.options.similarity == "cosine" else vectors

    def user_vectors(self, batch: UserBatch) -> Tensor:
        """(B, K, d), as they are sent to the store: K is 1, or the interests of MIND."""
        raise NotImplementedError

    def item_vectors(self, items: Tensor) -> Tensor:
        """(n, d), as they are pushed to the store."""
        raise NotImplementedError

    def training_user(self, batch: UserBatch, true_vectors: Tensor) -> Tensor:
        """(B, d): the user vector that training scores. MIND picks among interests by the true item."""
        return self.user_vectors(batch)[:, 0]


def embedding(rows: int, dimension: int, std: float) -> nn.Embedding:
    """Rows from N(0, std^2), the padding row zero and never trained."""
    table = nn.Embedding(rows, dimension, padding_idx=PADDING)
    nn.init.normal_(table.weight, 0.0, std)
    with torch.no_grad():
        table.weight[PADDING].zero_()
    return table


class Features(nn.Module):
    """Embeddings of categorical features, side by side. Code 0 (unknown) is an ordinary row here."""

    def __init__(self, sizes: tuple[tuple[str, int], ...], dimension: int, std: float) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, dimension) for _, size in sizes)
        for table in self.tables:
            nn.init.normal_(table.weight, 0.0, std)
        self.width = len(sizes) * dimension

    def forward(self, codes: Tensor) -> Tensor | None:
        """(..., F) codes to (..., F x dimension); None when there are no features."""
        return beside(*(table(codes[..., column]) for column, table in enumerate(self.tables)))


def beside(*parts: Tensor | None) -> Tensor | None:
    """Vectors side by side; parts that are not there are left out."""
    there = [part for part in parts if part is not None]
    return torch.cat(there, dim=-1) if there else None


def item_codes(catalogue: CatalogueShape) -> Tensor:
    """(items + 1, F): feature codes by item of a batch; padding has unknown features."""
    codes = torch.zeros(catalogue.items + 1, len(catalogue.item_features), dtype=torch.int64)
    if catalogue.item_features:
        codes[1:] = catalogue.item_codes
    return codes


def tower(inputs: int, hidden: tuple[int, ...], outputs: int, activation: type[nn.Module]) -> nn.Sequential:
    """Fully connected layers; the last one is linear.

    Biases begin near zero and weights keep the scale of what comes in (He et al. 2015, Glorot and Bengio 2010): under torch's
    defaults small embeddings drown in the biases, all users begin with the same vector, and learning to tell them
    apart takes most of an epoch.
    """
    sizes = [inputs, *hidden]
    layers: list[nn.Module] = []
    for before, after in zip(sizes, sizes[1:]):
        layers += [_linear(before, after, "relu" if activation is nn.ReLU else "tanh"), activation()]
    last = _linear(sizes[-1], outputs, "linear")
    nn.init.normal_(last.bias, 0.0, 0.01)  # not zero: it is the vector of somebody without history and features
    return nn.Sequential(*layers, last)


def _linear(inputs: int, outputs: int, before: str) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, 0.0, nn.init.calculate_gain(before) * (2.0 / (inputs + outputs)) ** 0.5)
    nn.init.zeros_(layer.bias)
    return layer


def pooled(vectors: Tensor, items: Tensor, weights: Tensor | None = None) -> Tensor:
    """The (weighted) mean of (B, L, d) over the L clicks that are not padding; zero for an empty history."""
    present = (items != PADDING).to(vectors.dtype)
    share = present if weights is None else present * weights
    total = share.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return torch.einsum("bl,bld->bd", share / total, vectors)
