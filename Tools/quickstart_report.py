"""The readable part of Tools/quickstart: what recall finds, how good it is against exact search, how long it takes."""

from __future__ import annotations

import argparse
import gzip
import html
import statistics
import sys
import textwrap
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))
import vecd  # noqa: E402

WIDTH = 110
DEPTHS = (10, 100, 500)


def lines(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [html.unescape(line).rstrip("\n").split("\t") for line in file]


def examples(found: np.ndarray, targets: np.ndarray, titles: dict[int, tuple[str, str]], texts: list[str]) -> None:
    """Three texts whose own post is among the first five, and two where it is not."""
    place = np.where((found == targets[:, None]).any(axis=1), (found == targets[:, None]).argmax(axis=1), -1)
    good = [int(query) for query in np.flatnonzero((place >= 0) & (place < 5))[3:6]]
    other = [int(query) for query in np.flatnonzero(place >= 20)[:2]]
    for query in good + other:
        text = textwrap.shorten(texts[query], WIDTH - 8, placeholder=" ...")
        print(f'\n  text: "{text}"')
        for rank in range(5):
            topic, title = titles[int(found[query, rank])]
            mark = "*" if rank == place[query] else " "
            shown = textwrap.shorten(title, WIDTH - 36, placeholder=" ...")
            print(f"  {mark} {rank + 1:>3}. {topic[:22]:<22} {shown}")
        if place[query] >= 5:
            topic, title = titles[int(targets[query])]
            shown = textwrap.shorten(title, WIDTH - 36, placeholder=" ...")
            print(f"  * {place[query] + 1:>3}. {topic[:22]:<22} {shown}")
    print("\n  * the post that the text was really written under; the model saw neither the text nor this pair")


def exact_search(items: np.ndarray, ids: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The true k best by cosine in float64: ids (n, k) and scores (n, k), equal scores by ascending id."""
    rows = items.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    unit = queries.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    best_ids, best_scores = [], []
    for number in range(len(unit)):
        if number % 50 == 0:
            block = (unit[number : number + 50] @ rows.T).astype(np.float32)
        scores = block[number % 50]
        # All that may belong to the first k, ties at the end included, then in their order.
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        near = np.flatnonzero(scores >= least)
        order = near[np.lexsort((ids[near], -scores[near]))][:k]
        best_ids.append(ids[order])
        best_scores.append(scores[order])
    return np.array(best_ids), np.array(best_scores)


def quality(found: np.ndarray, scores: np.ndarray, data: Path, ids: np.ndarray, targets: np.ndarray) -> bool:
    queries = np.load(data / "queries.npy")
    true_ids, true_scores = exact_search(np.load(data / "items.f16.npy"), ids, queries, found.shape[1])
    row = "  {:<58}" + "{:>12}" * len(DEPTHS)
    print()
    print(row.format("among the first", *DEPTHS))
    print(row.format("the text's own post is there (the model's doing)", *(
        f"{100 * (found[:, :k] == targets[:, None]).any(axis=1).mean():.1f} %" for k in DEPTHS)))
    agree = [
        float(np.mean([np.isin(found[i, :k], true_ids[i, :k]).mean() for i in range(len(found))])) for k in DEPTHS]
    print(row.format("the same ids as exact search with numpy (vecd's doing)", *(f"{100 * share:.3f} %" for share in agree)))
    worst = [float(np.abs(scores[:, :k] - true_scores[:, :k]).max()) for k in DEPTHS]
    print(row.format("greatest difference of a score from numpy's", *(f"{value:.1e}" for value in worst)))
    # Scores rounded from float64 in another order of summing may differ in the last bit, and then swap two ids.
    return min(agree) > 0.999 and max(worst) < 1e-6


def timing(socket: str, queries: np.ndarray) -> None:
    with vecd.connect(socket) as db:
        db.search("posts", queries[:20], 100)
        print(f"\n  {'time per query, through the socket, from Python':<58}" + "".join(f"{f'k = {k}':>12}" for k in DEPTHS))
        single, batch = [], []
        for k in DEPTHS:
            times = []
            for i in range(200):
                start = time.perf_counter()
                db.search("posts", queries[i : i + 1], k)
                times.append(time.perf_counter() - start)
            single.append(statistics.median(times))
            times = []
            for _ in range(5):
                start = time.perf_counter()
                db.search("posts", queries, k)
                times.append((time.perf_counter() - start) / len(queries))
            batch.append(statistics.median(times))
        print(f"  {'one query per request (median of 200)':<58}" + "".join(f"{1000 * t:>9.3f} ms" for t in single))
        print(f"  {f'{len(queries)} queries at once (median of 5)':<58}" + "".join(f"{1000 * t:>9.3f} ms" for t in batch))
        print(f"  {'a ping, for comparison':<58}{1000 * statistics.median(db.ping() for _ in range(200)):>9.3f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--found", required=True, help="prefix of the files that `vecctl search --out` wrote")
    parser.add_argument("--socket", required=True)
    arguments = parser.parse_args()

    ids, targets = np.load(arguments.data / "ids.npy"), np.load(arguments.data / "target_ids.npy")
    found, scores = np.load(arguments.found + ".ids.npy"), np.load(arguments.found + ".scores.npy")
    titles = {int(id_): (topic, title) for id_, topic, _, title in lines(arguments.data / "titles.tsv.gz")}
    texts = [text for _, text in lines(arguments.data / "query_texts.tsv.gz")]
    if found.dtype != np.int64 or scores.dtype != np.float32 or found.shape != (len(targets), max(DEPTHS)):
        print(f"vecctl wrote ids {found.dtype} {found.shape}, scores {scores.dtype}", file=sys.stderr)
        return 1
    if (found < 0).any():
        print("a query got fewer than 500 results out of 50,000", file=sys.stderr)
        return 1
    found = found.astype(np.uint64)
    examples(found, targets, titles, texts)
    good = quality(found, scores, arguments.data, ids, targets)
    timing(arguments.socket, np.load(arguments.data / "queries.npy"))
    if not good:
        print("\n  The answers are not those of exact search.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except vecd.VecdError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
