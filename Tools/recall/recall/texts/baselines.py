"""What a model of texts must be measured beside: BM25, which needs no training, and the posts with the highest score."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .posts import Posts
from .words import tokens

K1, B = 1.2, 0.75


def by_popularity(posts: Posts, questions: int, k: int) -> np.ndarray:
    """(questions, k) ids: the same for everybody, by score, equal ones by id."""
    order = np.lexsort((posts.ids, -posts.scores))[:k]
    return np.broadcast_to(posts.ids[order].astype(np.int64), (questions, len(order)))


class BM25:
    """Robertson and Zaragoza 2009, eq. 3.15, over the words of title and subreddit; the idf is Lucene's, never negative.

    A posting holds a document and what one occurrence of the word in the query adds to its score, so a query is a sum.
    """

    def __init__(self, posts: Posts) -> None:
        documents = [tokens(title) + tokens(subreddit) for title, subreddit in zip(posts.titles, posts.subreddits)]
        self.ids = posts.ids.astype(np.int64)
        lengths = np.array([len(words) for words in documents], np.float64)
        norms = K1 * (1.0 - B + B * lengths / max(lengths.mean(), 1e-12))
        found: dict[str, tuple[list[int], list[int]]] = {}
        for row, words in enumerate(documents):
            for word, count in Counter(words).items():
                rows, counts = found.setdefault(word, ([], []))
                rows.append(row)
                counts.append(count)
        self.postings: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for word, (rows, counts) in found.items():
            at, frequency = np.array(rows), np.array(counts, np.float64)
            idf = np.log1p((len(documents) - len(at) + 0.5) / (len(at) + 0.5))
            self.postings[word] = at, idf * frequency * (K1 + 1.0) / (frequency + norms[at])

    def top_k(self, texts: list[str], k: int) -> np.ndarray:
        """(n, k) ids, best first, equal scores by id, -1 after the last document that has a word of the text."""
        out = np.full((len(texts), k), -1, np.int64)
        for place, text in enumerate(texts):
            total = np.zeros(len(self.ids))
            for word in tokens(text):
                if word in self.postings:
                    rows, gains = self.postings[word]
                    total[rows] += gains
            best = np.lexsort((self.ids, -total))[:k]
            best = best[total[best] > 0]
            out[place, : len(best)] = self.ids[best]
        return out
