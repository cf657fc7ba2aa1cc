"""The folder of real posts (Tools/data/reddit-sample): 50,000 titles to search in, 500 texts to ask with."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..problem import Problem
from .words import tokens

TITLES = "titles.tsv.gz"
TEXTS = "query_texts.tsv.gz"


@dataclass(frozen=True)
class Posts:
    """n posts, in the order of the file. ids (n,) uint64, scores (n,) int64."""

    ids: np.ndarray
    subreddits: list[str]
    scores: np.ndarray
    titles: list[str]

    def __len__(self) -> int:
        return len(self.titles)

    def part(self, rows: np.ndarray) -> Posts:
        chosen = rows.tolist()
        return Posts(self.ids[rows], [self.subreddits[row] for row in chosen], self.scores[rows],
                     [self.titles[row] for row in chosen])


@dataclass(frozen=True)
class Questions:
    """Texts that are asked and never learnt from, and the id of the post that each was written under: (m,) uint64."""

    texts: list[str]
    answers: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def among(self, ids: np.ndarray) -> Questions:
        """Those whose post is one of ids."""
        rows = np.flatnonzero(np.isin(self.answers, ids))
        return Questions([self.texts[row] for row in rows.tolist()], self.answers[rows])


def read(folder: Path) -> tuple[Posts, Questions]:
    posts, questions = read_posts(folder / TITLES), read_questions(folder / TEXTS)
    strangers = np.flatnonzero(~np.isin(questions.answers, posts.ids))
    if len(strangers):
        row = int(strangers[0])
        where = f"{folder / TEXTS} line {row + 1}"
        raise Problem(f"{where}: post {questions.answers[row]} is not in {TITLES}, so the text has no answer")
    return posts, questions


def read_posts(path: Path) -> Posts:
    rows = _rows(path, ("id", "subreddit", "score", "title"))
    ids = _numbers(path, "id", [row[0] for row in rows], 0, 1 << 64, np.uint64)
    _distinct(path, ids)
    scores = _numbers(path, "score", [row[2] for row in rows], -(1 << 63), 1 << 63, np.int64)
    return Posts(ids, [row[1] for row in rows], scores, [row[3] for row in rows])


def read_questions(path: Path) -> Questions:
    rows = _rows(path, ("id", "text"))
    answers = _numbers(path, "id", [row[0] for row in rows], 0, 1 << 64, np.uint64)
    _distinct(path, answers)
    for number, (_, text) in enumerate(rows, 1):
        if not tokens(text):
            raise Problem(f"{path} line {number}: the text {text[:40]!r} has no word to ask with")
    return Questions([row[1] for row in rows], answers)


def _rows(path: Path, columns: tuple[str, ...]) -> list[list[str]]:
    """Lines of tab separated columns, without quoting: a quotation mark is part of a title."""
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except FileNotFoundError:
        raise Problem(f"there is no {path}; give a folder with {TITLES} and {TEXTS}, such as Tools/data/reddit-sample") from None
    except (gzip.BadGzipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise Problem(f"{path} is not UTF-8 text packed by gzip: {error}") from None
    rows = [line.split("\t") for line in text.split("\n")]
    if rows and rows[-1] == [""]:
        rows.pop()  # what follows the last line's end
    if not rows:
        raise Problem(f"{path} is empty, expected lines of {', '.join(columns)} with tabs between")
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise Problem(f"{path} line {number} has {len(row)} columns, expected {len(columns)}: {', '.join(columns)}")
    return rows


def _numbers(path: Path, name: str, texts: list[str], least: int, end: int, kind: type) -> np.ndarray:
    for number, text in enumerate(texts, 1):
        if not text.removeprefix("-").isdecimal() or not text.isascii() or not least <= int(text) < end:
            raise Problem(f"{path} line {number}: {name} is {text[:40]!r}, expected a whole number from {least} to {end - 1}")
    return np.array([int(text) for text in texts], dtype=kind)


def _distinct(path: Path, ids: np.ndarray) -> None:
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = values[counts > 1][0]
        first, second = np.flatnonzero(ids == twice)[:2].tolist()
        raise Problem(f"{path} lines {first + 1} and {second + 1} have the same id {twice}; each may be there once")
