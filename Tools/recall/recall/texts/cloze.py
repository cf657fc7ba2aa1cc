"""Training pairs out of titles alone: the inverse cloze task.

Lee, Chang, Toutanova: "Latent Retrieval for Weakly Supervised Open Domain Question Answering", ACL 2019, section 4: a piece of
a text is asked with, and what it was taken from is to be found; now and then the piece stays in, so that equal words are
learnt as well as related ones. Titles are too short for sentences, so words are taken here:

    query side     a random share of the title's words, and words of another title of the same subreddit
    document side  the other words of the title, each word that the query took with probability `stays`, and the words of the
                   subreddit's name

The foreign words make a query what a real one is, longer than a title and mostly about other things than the title says: the
model has to learn which words tell posts apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .words import Bags, Encoded


@dataclass(frozen=True)
class Cloze:
    least: float = 0.3      # share of a title's words that a query takes: drawn for each title between these two
    most: float = 0.7
    stays: float = 0.3      # chance that a word which the query took stays in the document
    foreign: float = 0.5    # share of the words of another title of the same subreddit that the query has besides


class Pairs:
    """Draws pairs for posts by row.

    texts: n titles, then the names of the subreddits, by code. codes (n,): the subreddit of each title.
    """

    def __init__(self, texts: Encoded, codes: np.ndarray, cloze: Cloze, rng: np.random.Generator) -> None:
        self.texts, self.codes, self.cloze, self.rng = texts, codes, cloze, rng
        self.order = np.argsort(codes, kind="stable")  # posts by subreddit, for the foreign words
        self.counts = np.bincount(codes)
        self.first = np.cumsum(self.counts) - self.counts

    def draw(self, rows: np.ndarray) -> tuple[Bags, Bags]:
        """Queries and documents of the posts, in their order."""
        words, owners = self.texts.words_of(rows)
        share = self.rng.uniform(self.cloze.least, self.cloze.most, len(rows))
        taken = self.rng.random(len(owners)) < share[owners]
        stays = ~taken | (self.rng.random(len(owners)) < self.cloze.stays)
        names = self.texts.words_of(len(self.codes) + self.codes[rows])
        document = joined((words[stays], owners[stays]), names)
        return self._query(rows, words[taken], owners[taken]), self.texts.bags(*document, len(rows))

    def documents(self, rows: np.ndarray) -> Bags:
        """Whole titles with the names of their subreddits."""
        names = self.texts.words_of(len(self.codes) + self.codes[rows])
        return self.texts.bags(*joined(self.texts.words_of(rows), names), len(rows))

    def _query(self, rows: np.ndarray, words: np.ndarray, owners: np.ndarray) -> Bags:
        """A post may draw itself as the other title: its query then has the whole title, one time in some hundreds."""
        code = self.codes[rows]
        others = self.order[self.first[code] + (self.rng.random(len(rows)) * self.counts[code]).astype(np.int64)]
        more, whose = self.texts.words_of(others)
        used = self.rng.random(len(more)) < self.cloze.foreign
        return self.texts.bags(*joined((words, owners), (more[used], whose[used])), len(rows))


def joined(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Words and the texts they belong to, of both, in ascending order of text."""
    owners = np.concatenate([one[1], other[1]])
    order = np.argsort(owners, kind="stable")
    return np.concatenate([one[0], other[0]])[order], owners[order]
