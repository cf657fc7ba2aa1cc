"""What the benchmark concludes from its numbers."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import generate
from adapters import PEERS, graph_settings, list_settings
from contest import Entry, chosen, ratio, rounds, sweep
from report import markdown
from exact import recall_of, truth_of


class FakeWorker:
    """Answers of a given recall and speed per setting."""

    def __init__(self, speeds):
        self.speeds, self.setting = speeds, None

    def ask(self, line):
        self.setting = int(line.split()[-2])
        return {"seconds": 1 / self.speeds[self.setting], "queries": 1}

    def ids(self):
        return np.array([[self.setting]])


def entry(name, speeds):
    return Entry(name, FakeWorker(speeds))


def recall(found, k):
    return found[0, 0] / 100


def test_a_sweep_ends_where_nearly_all_is_found():
    one = entry("a", {50: 100.0, 90: 50.0, 100: 20.0, 101: 1.0})
    sweep(one, 10, 1, [50, 90, 100, 101], recall, lambda text: None)
    assert [point[0] for point in one.sweep[10, 1]] == [50, 90, 100]


def test_the_fastest_setting_that_reaches_the_target_is_chosen():
    points = [(1, 0.5, 900.0), (2, 0.91, 300.0), (3, 0.95, 400.0), (4, 0.99, 100.0)]
    assert chosen(points, 0.90) == (3, 0.95)
    assert chosen(points, 0.99) == (4, 0.99)
    assert chosen(points, 0.995) is None


def test_a_ratio_is_taken_between_the_best_of_both_sides():
    entries = [entry("vecd a", {99: 50.0}), entry("vecd b", {99: 80.0}), entry("p", {99: 20.0}), entry("q", {50: 999.0})]
    for one in entries:
        sweep(one, 10, 1, list(one.worker.speeds), recall, lambda text: None)
    results = rounds(entries, 10, 1, 0.95, 3)
    assert [result["name"] for result in results] == ["vecd a", "vecd b", "p"]
    found = ratio(results)
    assert (found["vecd"], found["peer"]) == ("vecd b", "p") and found["median"] == pytest.approx(4)
    assert ratio([result for result in results if result["name"] == "p"]) is None


def test_settings_ascend_from_k_and_end_with_all_lists():
    for k in (10, 500):
        values = graph_settings(k)
        assert values == sorted(set(values)) and values[0] == k
    assert list_settings(100)[-1] == 100 and list_settings(1) == [1]


def test_ties_at_the_border_count_and_an_id_counts_once(tmp_path):
    items = np.array([[1, 0], [1, 0], [0.5, 0], [0, 1]], np.float32)
    queries = np.array([[1, 0]], np.float32)
    truth = truth_of(items, queries, "ip", tmp_path)
    assert recall_of(np.array([[1]]), truth, 1, items, queries, "ip") == 1  # as good as row 0
    assert recall_of(np.array([[0, 0]]), truth, 2, items, queries, "ip") == 0.5
    assert recall_of(np.array([[2, 3]]), truth, 2, items, queries, "ip") == 0


@pytest.mark.parametrize("kind, metric", [("towers", "ip"), ("towers", "cosine"), ("clusters", "l2")])
def test_a_smaller_set_is_the_beginning_of_a_larger_one(tmp_path, kind, metric):
    small, large = tmp_path / "small", tmp_path / "large"
    generate.generate(small, kind, metric, 3_000, 8, 20, 1)
    generate.generate(large, kind, metric, 20_000, 8, 20, 1)
    first, second = np.load(small / "items.npy"), np.load(large / "items.npy")
    assert np.array_equal(first, second[:3_000])
    assert np.isfinite(second).all()
    if metric == "ip":
        assert (np.linalg.norm(second, axis=1) == 0).any(), "dead rows"
        assert len(np.unique(second, axis=0)) < len(second), "duplicates"


def test_every_peer_is_reported_even_when_nobody_reaches_a_target():
    result = {
        "cpu": "x", "cores": 2, "rounds": 5, "versions": {"a": "1"},
        "missing": {name: "not installed" for name in PEERS},
        "sets": [{
            "name": "s", "about": "made", "metric": "ip", "rows": 10, "dimension": 2, "queries": 3,
            "date": "2026-01-01", "load_average_before": 0,
            "built": [{"name": "vecd flat", "about": "flat", "build_seconds": 0.1, "bytes": 0}],
            "results": [{"k": 10, "batch": 1, "target": 0.9, "entries": [], "ratio": None}],
        }],
    }
    page = markdown(result)
    assert "| 10 | 0.90 | - |  |" in page
    assert all(f"- {name}: not installed" in page for name in PEERS)
