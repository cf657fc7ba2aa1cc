"""Every form that vectors come in, and what is said when a file is not what it should be."""

from __future__ import annotations

import numpy as np
import pyarrow
import pytest
import torch
from pyarrow import feather, parquet
from safetensors.torch import save_file

from recall.data.clicks import store_ids
from recall.problem import Problem
from recall.vectors import read_vectors

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3) / 4
IDS = np.array([7, 3, 2**40, 9])


def table(kind: str) -> pyarrow.Table:
    flat = pyarrow.array(ROWS.reshape(-1))
    lists = pyarrow.FixedSizeListArray.from_arrays(flat, 3) if kind == "fixed" else pyarrow.array(ROWS.tolist())
    return pyarrow.table({"item_id": IDS, "item_tower_emb": lists, "price": [1.0, 2.0, 3.0, 4.0]})


@pytest.mark.parametrize("kind", ["fixed", "lists"])
def test_parquet_and_arrow(tmp_path, kind: str) -> None:
    parquet.write_table(table(kind), tmp_path / "a.parquet", row_group_size=2)
    feather.write_feather(table(kind), tmp_path / "a.feather")
    with pyarrow.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pyarrow.ipc.new_stream(sink, table(kind).schema) as writer:
        writer.write_table(table(kind))
    for name in ("a.parquet", "a.feather", "a.arrow"):
        ids, vectors = read_vectors(tmp_path / name)
        assert ids.dtype == np.uint64 and ids.tolist() == IDS.tolist()
        assert np.array_equal(vectors, ROWS), name


def test_text_ids_become_hashes(tmp_path) -> None:
    keys = ["film-a", "film-b", "film-c", "film-d"]
    parquet.write_table(pyarrow.table({"id": keys, "v": ROWS.tolist()}), tmp_path / "a.parquet")
    assert np.array_equal(read_vectors(tmp_path / "a.parquet")[0], store_ids(np.array(keys)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_safetensors_and_checkpoints(tmp_path, dtype) -> None:
    weight = torch.from_numpy(ROWS).to(dtype)
    save_file({"item.weight": weight, "item.ids": torch.from_numpy(IDS), "bias": torch.ones(3)}, tmp_path / "a.safetensors")
    torch.save({"state_dict": {"item": {"weight": weight, "ids": torch.from_numpy(IDS)}}, "epoch": 3}, tmp_path / "a.pt")
    torch.save(weight, tmp_path / "b.pt")
    for name in ("a.safetensors", "a.pt"):
        ids, vectors = read_vectors(tmp_path / name)
        assert ids.tolist() == IDS.tolist() and np.array_equal(vectors.astype(np.float32), weight.float().numpy())
        assert vectors.dtype == (np.float16 if dtype == torch.float16 else np.float32)
    assert read_vectors(tmp_path / "b.pt")[0].tolist() == [0, 1, 2, 3]
    ids, vectors = read_vectors(tmp_path / "b.pt", first_row=1)  # the padding row of an embedding
    assert ids.tolist() == [0, 1, 2] and len(vectors) == 3


def test_what_is_wrong_is_named(tmp_path) -> None:
    two = {"user.weight": torch.ones(2, 3), "item.weight": torch.zeros(4, 3)}
    torch.save(two, tmp_path / "two.pt")
    with pytest.raises(Problem, match=r"2 that may be the tensor of vectors \(user.weight, item.weight\)"):
        read_vectors(tmp_path / "two.pt")
    assert read_vectors(tmp_path / "two.pt", vectors="item.weight")[1].shape == (4, 3)
    with pytest.raises(Problem, match="has no 'nope'; it has user.weight, item.weight"):
        read_vectors(tmp_path / "two.pt", vectors="nope")
    parquet.write_table(pyarrow.table({"id": [1, 2], "v": [[1.0, 2.0], [1.0]]}), tmp_path / "ragged.parquet")
    with pytest.raises(Problem, match="differ in length"):
        read_vectors(tmp_path / "ragged.parquet")
    parquet.write_table(pyarrow.table({"id": [1, -2], "v": [[1.0], [2.0]]}), tmp_path / "negative.parquet")
    with pytest.raises(Problem, match="has the id -2"):
        read_vectors(tmp_path / "negative.parquet")
    for name in ("x.parquet", "x.safetensors", "x.pt", "x.npy", "x.arrow"):
        (tmp_path / name).write_bytes(b"this is something else")
        with pytest.raises(Problem):
            read_vectors(tmp_path / name)
    with pytest.raises(Problem, match="cannot tell the format"):
        (tmp_path / "x.doc").write_bytes(b"")
        read_vectors(tmp_path / "x.doc")


class Planted:
    """What a hostile checkpoint would run on loading."""

    def __reduce__(self):
        return (print, ("a checkpoint was executed",))


def test_a_checkpoint_is_data_not_a_program(tmp_path, capsys) -> None:
    torch.save({"weight": torch.ones(2, 2), "more": Planted()}, tmp_path / "bad.pt")
    with pytest.raises(Problem, match="no checkpoint of plain tensors"):
        read_vectors(tmp_path / "bad.pt")
    assert "executed" not in capsys.readouterr().out
