"""MovieLens as GroupLens publishes it: ratings in order of time are read as clicks.

    ml-1m, ml-10m       ratings.dat (UserID::MovieID::Rating::Timestamp), movies.dat, users.dat (1m only)
    ml-20m, 25m, 32m,   ratings.csv (userId,movieId,rating,timestamp), movies.csv (movieId,title,genres)
    ml-latest*

Terms (README of each set): research use, no redistribution without permission, no endorsement implied, cite Harper and
Konstan, "The MovieLens Datasets", ACM TiiS 5(4), 2015. Download: https://grouplens.org/datasets/movielens/
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..problem import Problem
from .clicks import Clicks, Feature
from .table import read_csv

TERMS = "MovieLens: research use, no redistribution; cite Harper and Konstan, ACM TiiS 5(4), 2015"


def is_movielens(directory: Path) -> bool:
    return (directory / "ratings.dat").exists() or (directory / "ratings.csv").exists()


def read_movielens(directory: Path, min_rating: float = 0.0) -> Clicks:
    """All ratings of at least min_rating. The catalogue is movies.dat or movies.csv where there is one."""
    if (directory / "ratings.dat").exists():
        users, movies, ratings, times = _read_dat(directory / "ratings.dat", 4)
    else:
        table = read_csv(directory / "ratings.csv", ["userId", "movieId", "rating", "timestamp"])
        users, movies, ratings, times = (table[name] for name in ("userId", "movieId", "rating", "timestamp"))
    try:
        numbers = [np.asarray(column).astype(np.float64) for column in (users, movies, ratings, times)]
    except ValueError as error:
        raise Problem(f"{directory}: {error}; ratings hold numbers alone") from None
    keep = numbers[2] >= min_rating
    user, movie, time = (column[keep] for column in (numbers[0].astype(np.int64), numbers[1].astype(np.int64), numbers[3]))
    listed, titles, genres = _movies(directory)
    clicks = Clicks.build(user, movie, time, listed, TERMS)
    if listed is not None:
        row = {int(identifier): number for number, identifier in enumerate(listed)}
        at = [row.get(int(identifier)) for identifier in clicks.item_ids]
        title = np.array([titles[i] if i is not None else "" for i in at])
        genre = np.array([genres[i].split("|")[0] if i is not None else "" for i in at])
        clicks = replace(clicks, titles=title, item_features={"genre": Feature.of(genre)})
    return replace(clicks, user_features=_users(directory, clicks.user_ids))


def _movies(directory: Path) -> tuple[np.ndarray | None, list[str], list[str]]:
    if (directory / "movies.dat").exists():
        ids, titles, genres = _read_dat(directory / "movies.dat", 3)
    elif (directory / "movies.csv").exists():
        table = read_csv(directory / "movies.csv", ["movieId", "title", "genres"])
        ids, titles, genres = (list(table[name]) for name in ("movieId", "title", "genres"))
    else:
        return None, [], []
    return np.array([int(value) for value in ids]), titles, genres


def _users(directory: Path, user_ids: np.ndarray) -> dict[str, Feature]:
    """Gender, age group and occupation of users.dat (ml-1m alone has it)."""
    if not (directory / "users.dat").exists():
        return {}
    ids, gender, age, occupation, _ = _read_dat(directory / "users.dat", 5)
    row = {int(value): number for number, value in enumerate(ids)}
    at = [row.get(int(value)) for value in user_ids]
    columns = (("gender", gender), ("age", age), ("occupation", occupation))
    return {name: Feature.of(np.array([column[i] if i is not None else "" for i in at])) for name, column in columns}


def _read_dat(path: Path, columns: int) -> list[list[str]]:
    """Lines of fields with :: between, in Latin-1 as ml-1m is."""
    rows = []
    with open(path, encoding="latin-1") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\r\n").split("::")
            if len(fields) != columns:
                raise Problem(f"{path}:{number} has {len(fields)} fields, expected {columns} with :: between")
            rows.append(fields)
    return [list(column) for column in zip(*rows)] if rows else [[] for _ in range(columns)]
