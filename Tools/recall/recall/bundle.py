"""A model version on disk: everything that publishing, serving and comparing it needs, in one folder.

    bundle.json         format, version, model and options, metric, sizes, vocabularies of the user's features, quality, terms
    model.pt            the torch model (state), to go on with
    user_tower.onnx     the user tower, to serve with
    item_ids.npy        the ids of the log, in order of the catalogue; item k of a history is row k - 1
    store_ids.npy       the same items' keys in vecd
    items.npy           their vectors, float32
    published.npy       which of them are in the store (bool)
    popular.npy         catalogue indexes by clicks; newest.npy: by time of creation or first click, newest first
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .problem import Problem

FORMAT = 1
ARRAYS = ("item_ids", "store_ids", "items", "published", "popular", "newest")


@dataclass(frozen=True)
class Bundle:
    directory: Path
    about: dict[str, Any]
    item_ids: np.ndarray
    store_ids: np.ndarray
    items: np.ndarray
    published: np.ndarray
    popular: np.ndarray
    newest: np.ndarray

    @property
    def version(self) -> str:
        return self.about["version"]

    @property
    def metric(self) -> str:
        return self.about["metric"]

    @property
    def tower_path(self) -> Path:
        return self.directory / "user_tower.onnx"

    def note(self, **more: Any) -> None:
        """Adds to bundle.json, atomically."""
        self.about.update(more)
        _write_json(self.directory / "bundle.json", self.about)


def save(directory: Path, about: dict[str, Any], arrays: dict[str, np.ndarray], write_more) -> Bundle:
    """Under another name first, so that a bundle is whole or not there. write_more(folder) adds model.pt and user_tower.onnx."""
    if directory.exists():
        raise Problem(f"{directory} is there already; give the model another version")
    directory.parent.mkdir(parents=True, exist_ok=True)
    part = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for name in ARRAYS:
        np.save(part / f"{name}.npy", arrays[name], allow_pickle=False)
    write_more(part)
    _write_json(part / "bundle.json", {"format": FORMAT, **about})
    os.rename(part, directory)
    return load(directory)


def load(directory: Path) -> Bundle:
    try:
        about = json.loads((directory / "bundle.json").read_text())
        arrays = {name: np.load(directory / f"{name}.npy", allow_pickle=False) for name in ARRAYS}
    except (OSError, ValueError) as error:
        raise Problem(f"{directory} is not a model version: {error}") from None
    if about.get("format") != FORMAT:
        raise Problem(f"{directory} has format {about.get('format')}, this program reads {FORMAT}")
    return Bundle(directory, about, **arrays)


def find(models: Path, version: str | None) -> Bundle | None:
    """The bundle of a version under the folder of models, if it is there."""
    return load(models / version) if version and (models / version / "bundle.json").exists() else None


def _write_json(path: Path, value: Any) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(part, path)
