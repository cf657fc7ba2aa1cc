"""Item vectors as other stacks leave them: Parquet, Arrow, safetensors, torch checkpoints, npy. All become (ids, vectors)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .data.clicks import store_ids
from .problem import Problem

READERS = ".npy, .parquet, .arrow, .feather, .safetensors, .pt, .pth, .bin, .ckpt"


def read_vectors(
    path: str | Path, vectors: str | None = None, ids: str | None = None, first_row: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) uint64 ids and (n, d) float32 or float16 vectors.

    vectors, ids: names of the columns or tensors; without them the only one that can be meant, else a Problem that lists what
    there is. Without ids rows are numbered from 0. first_row: rows before it are skipped, such as the padding row of an
    embedding; numbers begin at 0 after it. Ids that are text become 63 bits of their hash (`data.clicks.store_ids`).
    """
    place = Path(path)
    if not place.exists():
        raise Problem(f"there is no file {place}")
    if place.suffix == ".parquet":
        keys, rows = _from_table(place, _parquet(place), vectors, ids)
    elif place.suffix in (".arrow", ".feather", ".ipc"):
        keys, rows = _from_table(place, _arrow(place), vectors, ids)
    elif place.suffix == ".safetensors":
        keys, rows = _from_tensors(place, _safetensors(place), vectors, ids)
    elif place.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        keys, rows = _from_tensors(place, _checkpoint(place), vectors, ids)
    elif place.suffix == ".npy":
        keys, rows = None, _npy(place)
    else:
        raise Problem(f"{place}: cannot tell the format from {place.suffix or 'a name without ending'}; known are {READERS}")
    if rows.ndim != 2 or rows.dtype.kind != "f":
        raise Problem(f"{place}: the vectors have shape {rows.shape} and type {rows.dtype}; expected (items, dimension), floats")
    rows = rows[first_row:]
    rows = rows if rows.dtype == np.float16 else rows.astype(np.float32, copy=False)
    if keys is None:
        return np.arange(len(rows), dtype=np.uint64), rows
    keys = keys[first_row:]
    if len(keys) != len(rows):
        raise Problem(f"{place} has {len(keys)} ids for {len(rows)} vectors")
    if keys.dtype.kind in "iu" and len(keys) and keys.min() < 0:
        raise Problem(f"{place} has the id {keys.min()}; ids are whole numbers from 0, or text")
    return store_ids(keys), rows


def _npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False, mmap_mode="r")
    except ValueError as error:
        raise Problem(f"{path} is not npy: {error}") from None


def _parquet(path: Path):
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.read_table(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise Problem(f"{path} is not Parquet: {str(error).splitlines()[0]}") from None


def _arrow(path: Path):
    """An Arrow file (Feather version 2) or stream."""
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        try:
            return pyarrow.ipc.open_file(source).read_all()
        except pyarrow.ArrowInvalid:
            source.seek(0)
        try:
            return pyarrow.ipc.open_stream(source).read_all()
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise Problem(f"{path} is neither an Arrow file nor a stream: {str(error).splitlines()[0]}") from None


def _from_table(path: Path, table, vectors: str | None, ids: str | None) -> tuple[np.ndarray | None, np.ndarray]:
    import pyarrow

    def is_list(kind) -> bool:
        return pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind)

    lists = [field.name for field in table.schema if is_list(field.type)]
    keys = [field.name for field in table.schema if pyarrow.types.is_integer(field.type) or pyarrow.types.is_string(field.type)]
    name = _choose(path, "column of vectors", vectors, lists, table.column_names)
    column = table.column(name).combine_chunks()
    if not is_list(column.type):
        raise Problem(f"{path}: column {name!r} is {column.type}, expected lists of floats")
    values = column.flatten().to_numpy(zero_copy_only=False)
    if column.null_count or not len(column) or len(values) % len(column):
        raise Problem(f"{path}: rows of column {name!r} are missing or differ in length; every item needs one vector")
    width = len(values) // len(column)
    if not pyarrow.types.is_fixed_size_list(column.type):
        lengths = np.diff(column.offsets.to_numpy())
        if (lengths != width).any():
            raise Problem(f"{path}: row {int(np.flatnonzero(lengths != width)[0])} of column {name!r} has another length")
    if ids is None and not keys:
        return None, values.reshape(-1, width)
    key = _choose(path, "column of ids", ids, keys, table.column_names)
    found = table.column(key)
    if found.null_count:
        raise Problem(f"{path}: column {key!r} has {found.null_count} rows without an id")
    array = found.to_numpy()
    return (array.astype(str) if array.dtype.kind == "O" else array), values.reshape(-1, width)


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return _as_numpy(load_file(path))
    except SafetensorError as error:
        raise Problem(f"{path} is not safetensors: {error}") from None


def _checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Tensors of a checkpoint by their dotted names. Loaded as weights only: nothing in the file is run."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no checkpoint make the unpickler fail in every way there is
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise Problem(f"{path} is no checkpoint of plain tensors: {first}") from None
    found: dict[str, torch.Tensor] = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, torch.Tensor):
            found[prefix or "tensor"] = value
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)

    walk("", content)
    return _as_numpy(found)


def _as_numpy(tensors) -> dict[str, np.ndarray]:
    """bfloat16, which numpy has not, as float32: that loses nothing."""
    import torch

    return {name: (one.float() if one.dtype == torch.bfloat16 else one).detach().numpy() for name, one in tensors.items()}


def _from_tensors(
    path: Path, tensors: dict[str, np.ndarray], vectors: str | None, ids: str | None
) -> tuple[np.ndarray | None, np.ndarray]:
    matrices = [name for name, one in tensors.items() if one.ndim == 2 and one.dtype.kind == "f"]
    name = _choose(path, "tensor of vectors", vectors, matrices, list(tensors))
    count = len(tensors[name])
    numbers = [other for other, one in tensors.items() if one.shape == (count,) and one.dtype.kind in "iu"]
    if ids is None and not numbers:
        return None, tensors[name]
    return tensors[_choose(path, "tensor of ids", ids, numbers, list(tensors))], tensors[name]


def _choose(path: Path, what: str, given: str | None, possible: list[str], all_names: list[str]) -> str:
    if given is not None:
        if given not in all_names:
            raise Problem(f"{path} has no {given!r}; it has {', '.join(all_names) or 'nothing'}")
        return given
    if len(possible) != 1:
        listed = ", ".join(possible)
        raise Problem(f"{path} has {len(possible)} that may be the {what} ({listed}) of {', '.join(all_names)}; name it")
    return possible[0]
