"""The three towers. `make(name, options, catalogue)` builds one; `OPTIONS[name]` are its options with the papers' names."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..problem import Problem
from .base import CatalogueShape, RecallModel
from .dssm import DSSM, DSSMOptions
from .mind import MIND, MINDOptions
from .youtube_dnn import YouTubeDNN, YouTubeDNNOptions

MODELS: dict[str, type[RecallModel]] = {"dssm": DSSM, "youtube-dnn": YouTubeDNN, "mind": MIND}
OPTIONS = {"dssm": DSSMOptions, "youtube-dnn": YouTubeDNNOptions, "mind": MINDOptions}


def options_of(name: str, given: dict[str, Any]) -> Any:
    """The options of a model, the given ones in place of the defaults; unknown names are refused."""
    if name not in OPTIONS:
        raise Problem(f"there is no model {name!r}; there are {', '.join(OPTIONS)}")
    known = {field.name: field for field in fields(OPTIONS[name])}
    for key in given:
        if key not in known:
            raise Problem(f"{name} has no option {key!r}; it has {', '.join(known)}")
    return OPTIONS[name](**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})


def make(name: str, options: Any, catalogue: CatalogueShape) -> RecallModel:
    return MODELS[name](options, catalogue)


__all__ = ["CatalogueShape", "MODELS", "OPTIONS", "RecallModel", "make", "options_of"]
