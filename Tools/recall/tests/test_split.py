"""Nothing of what is asked about may be seen before: not in histories, counts, negatives or baselines."""

from __future__ import annotations

import numpy as np
import pytest

from recall.data import Clicks
from recall.evaluate import popular, seen_rows
from recall.histories import raw_batch, user_batch, windows
from recall.negatives import NegativeSampler
from recall.problem import Problem
from recall.split import leave_last_out


def log(seed: int = 0, users: int = 40, items: int = 30, clicks: int = 600) -> Clicks:
    rng = np.random.default_rng(seed)
    return Clicks.build(rng.integers(0, users, clicks), rng.integers(100, 100 + items, clicks), rng.integers(0, 10**6, clicks))


def test_the_last_click_of_every_user_is_held_out() -> None:
    clicks = log().first_per_user_and_item()
    split = leave_last_out(clicks)
    assert len(split) + len(split.train) == len(clicks)
    for user, item, time in zip(split.users, split.items, split.times):
        mine = split.train.users == user
        assert (split.train.times[mine] <= time).all(), "a training click is later than the question"
        assert not (split.train.items[mine] == item).any(), "the answer is in the history"
        last = np.flatnonzero(clicks.users == user)[-1]
        assert clicks.items[last] == item


def test_a_sample_of_users_still_holds_out_everybody() -> None:
    few, all_of_them = leave_last_out(log(), max_users=10, seed=3), leave_last_out(log())
    assert len(few) == 10 and np.array_equal(few.train.items, all_of_them.train.items)
    assert np.array_equal(few.users, leave_last_out(log(), max_users=10, seed=3).users)


def test_a_repeated_click_is_no_question() -> None:
    clicks = Clicks.build(np.array([1, 1, 1]), np.array([5, 6, 5]), np.array([1, 2, 3]))
    assert leave_last_out(clicks).items.tolist() == [1]  # item 6: the second click on 5 does not count
    assert leave_last_out(clicks, repeats=True).items.tolist() == [0]


def test_a_cut_in_time_trains_on_nothing_later() -> None:
    clicks = log().first_per_user_and_item()
    split = leave_last_out(clicks, before=500_000)
    assert split.train.times.max() < 500_000 <= split.times.min()
    for user, item in zip(split.users, split.items):
        later = np.flatnonzero((clicks.users == user) & (clicks.times >= 500_000))
        assert clicks.items[later[0]] == item


def test_counts_negatives_and_baselines_know_only_the_training_clicks() -> None:
    clicks = Clicks.build(np.array([1, 1, 2, 2, 3, 3]), np.array([5, 9, 5, 9, 6, 9]), np.arange(6))
    split = leave_last_out(clicks)  # 9 is everybody's answer
    nine = int(np.flatnonzero(clicks.item_ids == 9)[0])
    assert split.train.item_counts[nine] == 0 and popular(split)[-1] == nine
    sampler = NegativeSampler(split.train.item_counts, 0.75, np.random.default_rng(1))
    assert nine not in sampler.draw(1000)
    assert all(nine not in rows for rows in seen_rows(split))


def test_nothing_to_predict_is_said() -> None:
    with pytest.raises(Problem, match="nothing to predict"):
        leave_last_out(Clicks.build(np.array([1, 2]), np.array([5, 6]), np.array([1, 2])))


def test_windows_hold_the_newest_clicks_of_the_user_alone() -> None:
    clicks = log(seed=4)
    rows = np.arange(len(clicks))
    items, ages = windows(clicks, clicks.users, rows, clicks.times, 7)
    for row in rows:
        start = clicks.offsets[clicks.users[row]]
        before = list(range(max(start, row - 7), row))
        assert items[row].tolist() == [0] * (7 - len(before)) + (clicks.items[before] + 1).tolist()
        expected = (clicks.times[row] - clicks.times[before]) / 86_400
        assert np.allclose(ages[row][7 - len(before):], expected, atol=1e-6)


def test_a_service_cuts_the_same_windows() -> None:
    clicks = log(seed=5)
    users = np.arange(len(clicks.user_ids))
    ends, now = clicks.offsets[users + 1], np.full(len(users), clicks.times.max() + 60)
    batch = user_batch(clicks, users, ends, now, 9, ())
    spans = [slice(clicks.offsets[user], clicks.offsets[user + 1]) for user in users]
    raw = raw_batch([(clicks.items[span] + 1).tolist() for span in spans],
                    [((now[0] - clicks.times[span]) / 86_400).tolist() for span in spans], 9, np.zeros((len(users), 0)))
    assert np.array_equal(batch.items, raw.items) and np.allclose(batch.ages, raw.ages, atol=1e-6)
