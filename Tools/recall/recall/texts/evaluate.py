"""The questions: texts, each of which should find the post it was written under, among all posts."""

from __future__ import annotations

import numpy as np

from ..evaluate import Quality, quality
from ..exact import top_k
from .baselines import BM25, by_popularity
from .posts import Posts, Questions

DEPTHS = (10, 100, 500)


def measure(found: np.ndarray, posts: Posts, questions: Questions, depths: tuple[int, ...] = DEPTHS) -> Quality:
    """found (m, k) ids, best first."""
    return quality(found, questions.answers.astype(np.int64), len(posts), depths)


def baselines(posts: Posts, questions: Questions) -> dict[str, Quality]:
    k = max(DEPTHS)
    return {
        "popularity": measure(by_popularity(posts, len(questions), k), posts, questions),
        "BM25": measure(BM25(posts).top_k(questions.texts, k), posts, questions),
    }


def by_exact_search(items: np.ndarray, asked: np.ndarray, posts: Posts, questions: Questions) -> Quality:
    """items (n, d) of the posts, asked (m, 1, d) of the questions."""
    return measure(top_k(items, posts.ids, asked, max(DEPTHS), "cosine"), posts, questions)
