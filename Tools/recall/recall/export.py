"""The user tower as ONNX, for services without torch, and the check that it says the same."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .histories import UserBatch
from .models import RecallModel
from .problem import Problem

TOLERANCE = 1e-4
OPSET = 17


class ServedTower(nn.Module):
    """Inputs as a service has them: items (B, L), ages (B, L) in days, features (B, F) if there are any. Example Age is 0."""

    def __init__(self, model: RecallModel, features: int) -> None:
        super().__init__()
        self.model, self.features = model, features

    def forward(self, items: torch.Tensor, ages: torch.Tensor, features: torch.Tensor | None = None) -> torch.Tensor:
        if features is None:
            features = items[:, :0]
        # Derived from an input so that the batch stays dynamic in the exported graph.
        return self.model.user_vectors(UserBatch(items, ages, features, ages[:, 0] * 0.0))


def export_user_tower(model: RecallModel, features: int, path: Path) -> None:
    """Writes the tower with a dynamic batch. `features`: how many user features the model has."""
    length = model.options.history_length
    items = torch.ones(2, length, dtype=torch.int64)
    inputs: list[torch.Tensor] = [items, torch.ones(2, length)]
    names = ["items", "ages"]
    if features:
        inputs.append(torch.zeros(2, features, dtype=torch.int64))
        names.append("features")
    tower = ServedTower(model, features).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of itself; what counts is checked by `largest_difference`
        torch.onnx.export(
            tower, tuple(inputs), str(path), input_names=names, output_names=["vectors"], opset_version=OPSET, dynamo=False,
            dynamic_axes={name: {0: "batch"} for name in [*names, "vectors"]},
        )


def largest_difference(model: RecallModel, path: Path, batch: UserBatch) -> float:
    """Between torch and ONNX on these users; above TOLERANCE is a Problem."""
    from .tower import Tower

    with torch.inference_mode():
        expected = model.eval().user_vectors(batch).numpy()
    got = Tower(path)(batch.items.numpy(), batch.ages.numpy(), batch.features.numpy())
    difference = float(np.abs(expected - got).max())
    if not difference <= TOLERANCE:
        raise Problem(f"the exported user tower differs from torch by {difference:.2g}, more than {TOLERANCE:.0e}")
    return difference
