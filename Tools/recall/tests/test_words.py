"""Text as rows of an embedding table: tokens, letter trigrams, the vocabulary, bags."""

from __future__ import annotations

import numpy as np
import pytest

from recall.problem import Problem
from recall.texts.words import Encoded, Vocabulary, bucket, tokens, trigrams


@pytest.mark.parametrize("text, words", [
    ("Today I discovered", ["today", "i", "discovered"]),
    ("C++ and C#, don\u2019t!", ["c++", "and", "c#", "don't"]),
    ("see [this](http://example.org/a_b?c=d) &amp; /r/raspberry_pi", ["see", "this", "r", "raspberry", "pi"]),
    ("Caf\u00e9 \u65e5\u672c 42", ["caf\u00e9", "\u65e5\u672c", "42"]),
    ("https://a.org/b", ["https", "a", "org", "b"]),
    ("... !!! _", []),
])
def test_tokens(text: str, words: list[str]) -> None:
    assert tokens(text) == words


def test_trigrams_are_those_of_the_paper_and_buckets_are_the_same_everywhere() -> None:
    assert trigrams("good") == ["#go", "goo", "ood", "od#"]
    assert trigrams("a") == ["#a#"]
    assert [bucket(gram, 20_000) for gram in ("#go", "goo", "\u65e5")] == [11298, 11190, 1946]


def test_vocabulary_by_count_then_alphabet() -> None:
    titles = [["b", "a", "a"], ["b", "a"], ["c", "b"], ["d"]]
    vocabulary = Vocabulary.of(titles, 1, 0)
    assert list(vocabulary.words) == ["b", "a", "c", "d"]  # a title counts once
    assert vocabulary.idf == pytest.approx(np.log1p([4 / 3, 4 / 2, 4, 4])) and vocabulary.rare == pytest.approx(np.log(5))
    assert list(Vocabulary.of(titles, 2, 0).words) == ["b", "a"]
    with pytest.raises(Problem, match="no word is in 5 of 4 titles"):
        Vocabulary.of(titles, 5, 0)


def test_bags_hold_each_text_with_weights_that_add_up_to_one() -> None:
    vocabulary = Vocabulary.of([["red", "fish"], ["red"]], 1, 100)
    encoded = Encoded.of([["red", "cod"], [], ["fish", "fish"]], vocabulary)
    rows = np.arange(3)
    bags = encoded.bags(*encoded.words_of(rows), 3)
    parts, weights = np.split(bags.rows, bags.offsets[1:]), np.split(bags.weights, bags.offsets[1:])
    assert [len(part) for part in parts] == [1 + 3 + 3, 0, 2 * (1 + 4)]  # cod has trigrams alone
    assert parts[0][0] == vocabulary.words["red"] and (parts[0][1:] >= 2).all()
    assert [float(part.sum()) for part in weights] == pytest.approx([1, 0, 1])
    assert weights[0][0] == pytest.approx(np.log1p(1) / (2 * np.log1p(1) + vocabulary.rare))
