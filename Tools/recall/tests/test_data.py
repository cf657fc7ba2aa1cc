"""Readers against files in the published form, tables by column names, and the generator."""

from __future__ import annotations

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from conftest import FIXTURES
from recall.data import Clicks, open_clicks
from recall.data.clicks import store_ids
from recall.data.movielens import read_movielens
from recall.data.synthetic import Recipe, generate, write
from recall.data.table import Columns, read_table, seconds
from recall.problem import Problem


def as_rows(clicks: Clicks) -> list[tuple]:
    users, items = clicks.user_ids[clicks.users].tolist(), clicks.item_ids[clicks.items].tolist()
    return list(zip(users, items, clicks.times.tolist()))


def test_movielens_1m_in_order_of_user_and_time() -> None:
    clicks = open_clicks(FIXTURES / "ml-1m")
    # Equal times stay in the order of the file: 1193 before 914.
    assert as_rows(clicks) == [
        (1, 1193, 978300760), (1, 914, 978300760), (1, 661, 978302109), (2, 1193, 978298413), (2, 2, 978299000),
    ]
    titles = dict(zip(clicks.item_ids.tolist(), clicks.titles))
    assert titles[2] == "Café of Nobody (1995)" and titles[9999] == "Never Rated (2000)"  # Latin-1; never rated but listed
    genre = clicks.item_features["genre"]
    assert genre.values[genre.codes[list(clicks.item_ids).index(661)]] == "Animation"
    gender = clicks.user_features["gender"]
    assert [gender.values[code] for code in gender.codes] == ["F", "M"]
    assert "redistribution" in clicks.terms
    assert len(read_movielens(FIXTURES / "ml-1m", min_rating=4)) == 2


def test_movielens_csv_with_quoted_titles() -> None:
    clicks = open_clicks(FIXTURES / "ml-latest")
    assert as_rows(clicks) == [(1, 31, 1260759144), (1, 1029, 1260759179), (7, 31, 851868750), (7, 10, 851868751)]
    assert clicks.titles.tolist() == ["Invented, The (1995)", "Made Up (1995)", "Nobody (1941)"]


def test_globo_hours_with_an_empty_one() -> None:
    clicks = open_clicks(FIXTURES / "globo")
    assert as_rows(clicks) == [
        (0, 157541, 1506826828.02), (0, 68866, 1506826858.02), (1, 235840, 1506827017.951), (1, 68866, 1506827047.951),
    ]
    assert clicks.item_ids.tolist() == [5, 68866, 157541, 235840]  # 5 was never clicked
    category = clicks.item_features["category"]
    assert [category.values[code] for code in category.codes] == ["1", "136", "281", "375"]
    assert clicks.created.tolist() == [1500000000, 1505000000, 1506800000, 1506810000]
    device = clicks.user_features["deviceGroup"]
    assert [device.values[code] for code in device.codes] == ["3", "1"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_of_any_column_names(tmp_path, form) -> None:
    columns = {"who": ["b", "a", "b"], "what": ["x", "x", "y"], "when": [1_700_000_002_000, 1_700_000_000_000, 1_700_000_001_000],
               "kind": ["film", "film", None], "town": ["Ulm", "Bonn", "Kiel"],
               "name": ["Ö", "Ö", ""], "art": [None, None, "y.png"]}
    path = tmp_path / f"log.{form}"
    if form == "parquet":
        parquet.write_table(pyarrow.table(columns), path)
    else:
        rows = [["" if value is None else str(value) for value in row] for row in zip(*columns.values())]
        lines = [",".join(row) for row in [list(columns), *rows]]
        path.write_text("\n".join(lines) + "\n")
    columns = Columns("who", "what", "when", user_features=("town",), item_features=("kind",), title="name", cover="art")
    clicks = read_table(path, columns)
    assert as_rows(clicks) == [("a", "x", 1.7e9), ("b", "y", 1.7e9 + 1), ("b", "x", 1.7e9 + 2)]
    kind, town = clicks.item_features["kind"], clicks.user_features["town"]
    assert [kind.values[code] for code in kind.codes] == ["film", "(unknown)"]
    assert [town.values[code] for code in town.codes] == ["Bonn", "Kiel"]  # of b's earliest click, not of the file's first line
    assert clicks.cards() == [{"title": "Ö"}, {"cover": "y.png"}] and clicks.titles.tolist() == ["Ö", ""]


def test_what_is_wrong_with_a_table_is_said_in_a_line(tmp_path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item\n1,2\n")
    with pytest.raises(Problem, match="has no column 'time'; it has user, item"):
        read_table(path)
    path.write_text("user,item,time\n1,,3\n")
    with pytest.raises(Problem, match="column 'item' has 1 empty fields"):
        read_table(path)
    (tmp_path / "ratings.dat").write_text("1::2::3\n")
    with pytest.raises(Problem, match="ratings.dat:1 has 3 fields, expected 4"):
        open_clicks(tmp_path)
    with pytest.raises(Problem, match="there is no"):
        open_clicks(tmp_path / "nowhere")


def test_times_of_several_kinds() -> None:
    assert seconds(np.array([1_700_000_000])).tolist() == [1.7e9]
    assert seconds(np.array([1_700_000_000_500])).tolist() == [1.7e9 + 0.5]
    assert seconds(np.array(["2023-11-14T22:13:20"], dtype="datetime64[ns]")).tolist() == [1.7e9]


def test_keys_of_items_do_not_depend_on_the_catalogue() -> None:
    assert store_ids(np.array([7, 9])).tolist() == [7, 9]
    both, one = store_ids(np.array(["film-1", "film-2"])), store_ids(np.array(["film-2"]))
    assert both[1] == one[0] and both[0] != both[1] and both.max() < 2**63


RECIPE = Recipe(items=600, users=600, clicks=6000, topics=6, clusters=4, seed=5)


def test_the_generator_repeats_itself(tmp_path) -> None:
    write(RECIPE, tmp_path / "a")
    write(RECIPE, tmp_path / "b")
    for name in ("clicks.parquet", "items.parquet", "recipe.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    clicks = open_clicks(tmp_path / "a")
    assert len(clicks) == 6000 and len(clicks.item_ids) == 600 and set(clicks.item_features) == {"category"}


def test_generated_clicks_have_the_structure_of_real_ones() -> None:
    world = generate(RECIPE)
    other = generate(Recipe(**{**RECIPE.__dict__, "seed": 6}))
    assert not np.array_equal(world.items, other.items)
    born = dict(zip(world.item_ids, world.created))
    assert all(born[item] <= time + 1 for item, time in zip(world.items, world.times)), "an item is clicked before it exists"
    counts = np.sort(np.bincount(world.items))[::-1]
    assert counts[:60].sum() > 0.3 * counts.sum(), "popularity is not skewed"
    assert len(np.unique(world.users * 10**6 + world.items)) == len(world.items), "a user clicks an item twice"
    # Users keep to few clusters: far fewer than clicks strewn over all of them would touch.
    cluster = dict(zip(world.item_ids, world.cluster))
    shares = []
    for user in np.unique(world.users):
        of = [cluster[item] for item in world.items[world.users == user]]
        if len(of) >= 12:
            shares.append(np.sort(np.bincount(of))[::-1][:3].sum() / len(of))
    assert np.mean(shares) > 0.5
