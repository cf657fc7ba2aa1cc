"""News clicks of Globo.com (G1) as published: clicks/clicks_hour_NNN.csv, and articles_metadata.csv.

Terms: academic and research use, no commercial use, no redistribution; cite de Souza Pereira Moreira, Ferreira, da Cunha,
"News Session-Based Recommendations using Deep Neural Networks", DLRS 2018. Download:
https://www.kaggle.com/datasets/gspmoreira/news-portal-user-interactions-by-globocom
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..problem import Problem
from .clicks import Clicks, Feature
from .table import read_csv

TERMS = "Globo.com news: academic use only, no redistribution; cite de Souza Pereira Moreira et al., DLRS 2018"
COLUMNS = ["user_id", "click_article_id", "click_timestamp"]
CONTEXT = ["click_environment", "click_deviceGroup", "click_os", "click_country", "click_region", "click_referrer_type"]


def hour_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("clicks_hour_*.csv")) or sorted(directory.glob("clicks/clicks_hour_*.csv"))


def read_globo(directory: Path) -> Clicks:
    """All hours together; times are milliseconds in the files. A user's context is that of the first click: never held out."""
    tables = [read_csv(path, COLUMNS, CONTEXT) for path in hour_files(directory)]
    tables = [table for table in tables if len(table["user_id"])]  # some hours of the published set are empty
    if not tables:
        raise Problem(f"{directory} has no clicks in clicks_hour_*.csv")
    columns = {name: np.concatenate([np.asarray(table[name]).astype(np.int64) for table in tables]) for name in COLUMNS}
    metadata = _metadata(directory)
    clicks = Clicks.build(
        columns["user_id"], columns["click_article_id"], columns["click_timestamp"] / 1000.0,
        None if metadata is None else metadata[0], TERMS,
    )
    if metadata is not None:
        ids, category, created = metadata
        at = np.searchsorted(ids, clicks.item_ids)
        known = (at < len(ids)) & (ids[np.minimum(at, len(ids) - 1)] == clicks.item_ids)
        at = np.minimum(at, len(ids) - 1)
        names = np.where(known, category[at].astype(str), "")
        clicks = replace(
            clicks, item_features={"category": Feature.of(names)}, created=np.where(known, created[at] / 1000.0, np.nan)
        )
    present = [name for name in CONTEXT if all(name in table for table in tables)]
    if present:
        order = np.lexsort((columns["click_timestamp"], columns["user_id"]))
        first = order[np.unique(columns["user_id"][order], return_index=True)[1]]
        features = {}
        for name in present:
            values = np.concatenate([np.asarray(table[name]).astype(str) for table in tables])
            features[name.removeprefix("click_")] = Feature.of(values[first])
        clicks = replace(clicks, user_features=features)
    return clicks


def _metadata(directory: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    path = directory / "articles_metadata.csv"
    if not path.exists():
        return None
    table = read_csv(path, ["article_id", "category_id", "created_at_ts"])
    ids = np.asarray(table["article_id"]).astype(np.int64)
    order = np.argsort(ids)
    return (
        ids[order], np.asarray(table["category_id"]).astype(np.int64)[order],
        np.asarray(table["created_at_ts"]).astype(np.float64)[order],
    )
