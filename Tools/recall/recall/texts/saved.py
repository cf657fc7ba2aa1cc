"""A version of the text model on disk: FOLDER/VERSION with all that it takes to embed a text.

    text.json       format, version, options, subreddits, words in the order of their rows, quality
    model.pt        the network (state)
    idf.npy         weights of the words
    ids.npy         ids of the posts, uint64; items.npy: their vectors, float32
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..problem import Problem
from .model import TextDSSM, TextOptions
from .train import TextModel
from .words import Vocabulary

FORMAT = 1


def check_free(directory: Path) -> None:
    if directory.exists():
        raise Problem(f"{directory} is there already; give the model another version")


def save(directory: Path, model: TextModel, ids: np.ndarray, items: np.ndarray, about: dict[str, Any]) -> None:
    """Under another name first, so that a version is whole or not there."""
    check_free(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    part = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    words = model.vocabulary
    for name, array in (("idf", words.idf), ("ids", ids), ("items", items)):
        np.save(part / f"{name}.npy", array, allow_pickle=False)
    torch.save(model.network.state_dict(), part / "model.pt")
    text = {
        "format": FORMAT, "version": directory.name, "options": asdict(model.network.options), "rare": words.rare,
        "losses": model.losses, **about, "subreddits": model.subreddits, "words": list(words.words),
    }
    (part / "text.json").write_text(json.dumps(text, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.rename(part, directory)


def load(directory: Path) -> TextModel:
    try:
        about = json.loads((directory / "text.json").read_text(encoding="utf-8"))
        if about.get("format") != FORMAT:
            raise Problem(f"{directory} has format {about.get('format')}, this program reads {FORMAT}")
        options = TextOptions(**{**about["options"], "hidden": tuple(about["options"]["hidden"])})
        words = {word: row for row, word in enumerate(about["words"])}
        idf = np.load(directory / "idf.npy", allow_pickle=False)
        vocabulary = Vocabulary(words, idf, about["rare"], options.buckets)
        network = TextDSSM(options, vocabulary.rows, len(about["subreddits"]))
        network.load_state_dict(torch.load(directory / "model.pt", weights_only=True))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Problem(f"{directory} is not a version of the text model: {error}") from None
    network.eval()
    return TextModel(network, vocabulary, about["subreddits"], about["losses"])


def find(folder: Path, version: str) -> TextModel | None:
    return load(folder / version) if (folder / version / "text.json").exists() else None
