"""Text as weighted rows of an embedding table: words that are frequent enough, and letter trigrams of every word.

Word hashing by letter trigrams is section 3.2 of Huang et al. 2013: "good" is #good#, which has #go, goo, ood, od#. A word
that training never saw still has trigrams, and forms of one word share most of theirs. The trigrams of a word are hashed to
a fixed number of buckets by CRC-32, which is the same in every process (Python's hash of text is not).
"""

from __future__ import annotations

import html
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..problem import Problem

_LINK = re.compile(r"https?://\S+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*[+#]*")
LONGEST = 40  # letters of a word that are looked at; longer ones are no words


def tokens(text: str) -> list[str]:
    """Words in lower case. Links say little, so they are left out, but of a text that is nothing else."""
    plain = html.unescape(text).replace("\u2019", "'").lower()
    return [word[:LONGEST] for word in _WORD.findall(_LINK.sub(" ", plain)) or _WORD.findall(plain)]


def trigrams(word: str) -> list[str]:
    marked = f"#{word}#"
    return [marked[at : at + 3] for at in range(len(marked) - 2)]


def bucket(gram: str, buckets: int) -> int:
    return zlib.crc32(gram.encode("utf-8")) % buckets


@dataclass(frozen=True)
class Vocabulary:
    """Rows of the embedding table: one for each word of `words`, then `buckets` for trigrams.

    idf: weight of each word, log(1 + N / df) of N titles; `rare` is that of a word that one title has, or none.
    """

    words: dict[str, int]
    idf: np.ndarray
    rare: float
    buckets: int

    @property
    def rows(self) -> int:
        return len(self.words) + self.buckets

    @staticmethod
    def of(titles: Iterable[list[str]], min_count: int, buckets: int) -> Vocabulary:
        """Words of at least min_count titles, the most frequent first, equal ones by alphabet."""
        titles = [set(title) for title in titles]
        counts = Counter(word for title in titles for word in title)
        kept = sorted((word for word, count in counts.items() if count >= min_count), key=lambda word: (-counts[word], word))
        if not kept:
            raise Problem(f"no word is in {min_count} of {len(titles)} titles, so there is nothing to learn from")
        idf = np.array([np.log1p(len(titles) / counts[word]) for word in kept], np.float32)
        return Vocabulary({word: row for row, word in enumerate(kept)}, idf, float(np.log1p(len(titles))), buckets)

    def features(self, word: str) -> tuple[list[int], list[float]]:
        """Rows of a word and their weights: its own with the word's weight, its trigrams with that weight between them."""
        row = self.words.get(word)
        weight = self.rare if row is None else float(self.idf[row])
        rows, weights = ([], []) if row is None else ([row], [weight])
        if self.buckets:
            grams = [len(self.words) + bucket(gram, self.buckets) for gram in trigrams(word)]
            rows, weights = rows + grams, weights + [weight / len(grams)] * len(grams)
        return rows, weights


@dataclass(frozen=True)
class Encoded:
    """n texts as numbers of distinct words, and each distinct word as rows and weights; two ragged arrays.

    Text t is words[starts[t] : starts[t + 1]]; word w is rows[ends[w] : ends[w + 1]], with weights beside.
    """

    words: np.ndarray
    starts: np.ndarray
    rows: np.ndarray
    weights: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @staticmethod
    def of(texts: list[list[str]], vocabulary: Vocabulary) -> Encoded:
        number: dict[str, int] = {}
        words = np.array([number.setdefault(word, len(number)) for text in texts for word in text], np.int64)
        described = [vocabulary.features(word) for word in number]
        return Encoded(
            words, _offsets([len(text) for text in texts]),
            np.array([row for rows, _ in described for row in rows], np.int64),
            np.array([weight for _, weights in described for weight in weights], np.float32),
            _offsets([len(rows) for rows, _ in described]),
        )

    def words_of(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the words of some texts, one after another, and to which of the texts each belongs."""
        return spread(self.words, self.starts, texts)

    def bags(self, words: np.ndarray, owners: np.ndarray, count: int) -> Bags:
        """What an EmbeddingBag takes, of words that belong to `count` texts in ascending order. Weights add up to 1."""
        rows, of = spread(self.rows, self.ends, words)
        weights, _ = spread(self.weights, self.ends, words)
        text = owners[of]
        total = np.bincount(text, weights, minlength=count)
        lengths = np.bincount(text, minlength=count)
        return Bags(rows, (weights / total[text]).astype(np.float32), _offsets(lengths)[:-1])


@dataclass(frozen=True)
class Bags:
    rows: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray


def spread(values: np.ndarray, offsets: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chosen rows of a ragged array, one after another, and the place in `chosen` that each value belongs to."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    owners = np.repeat(np.arange(len(chosen)), lengths)
    first = np.cumsum(lengths) - lengths
    return values[np.arange(len(owners)) - first[owners] + offsets[chosen][owners]], owners


def _offsets(lengths) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))]).astype(np.int64)
