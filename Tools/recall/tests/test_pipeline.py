"""The command line as a user types it: answers on stdout, words on stderr, exit codes, the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from conftest import rendered
from recall.cli import main

TOP = Path(__file__).resolve().parents[1]
QUICK = [
    "--threads", "1", "--epochs", "1", "--batch-size", "256", "--learning-rate", "0.02",
    "--option", "embedding_dim=16", "--option", "hidden=32", "--option", "history_length=15",
]


def pipeline(*arguments: object, cwd: Path, socket: str = "/nonexistent") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": f"{TOP.parent / 'python'}:{TOP}", "VECD_SOCKET": socket}
    command = [sys.executable, "-m", "recall", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("pipeline")
    done = pipeline("generate", "--out", "clicks", "--items", 300, "--users", 300, "--clicks", 4000, "--topics", 5,
                    "--clusters", 4, "--json", cwd=made)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["recipe"]["items"] == 300
    return made


class Page(HTMLParser):
    """Counts elements and collects what would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.count: dict[str, int] = {}
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attributes) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        for name, value in attributes:
            if name in ("src", "href", "xlink:href") and value and not value.startswith(("#", "data:")):
                self.outside.append(value)


def test_train_and_publish_evaluate_and_report(folder, socket, client) -> None:
    done = pipeline("train-and-publish", "--model", "mind", "--data", "clicks", "--version", "m1", *QUICK, "--epochs", 4,
                    "--collection", "pipeline-mind", "--report", "report.html", cwd=folder, socket=socket)
    assert done.returncode == 0, done.stderr
    assert "m1 is live" in done.stderr and done.stderr.count("  pass  ") == 5
    assert "300 items have a title or a cover" in done.stderr
    items = parquet.read_table(folder / "clicks" / "items.parquet").to_pydict()
    stored = client.get("pipeline-mind", items["item"], "m1", fields="payload")
    there = [(json.loads(payload), title) for payload, title in zip(stored.payloads, items["title"]) if payload is not None]
    assert len(there) == stored.found.sum() > 200 and all(card == {"title": title} for card, title in there)
    table = done.stdout.splitlines()
    assert table[0].split()[0] == "HitRate@50" and [line.split("  ")[0] for line in table[1:]][-1] == "mind, vecd at recall 0.95"
    assert "\x1b" not in done.stderr + done.stdout, "escape codes where there is no terminal"
    page = Page()
    page.feed((folder / "report.html").read_text())
    assert page.count["svg"] == 4 and page.count["table"] == 1 and not page.outside and "script" not in page.count
    opened = rendered((folder / "report.html").as_uri())
    assert opened.count("<svg") == 4 and "Recall against latency" in opened and "mind, exact search" in opened
    again = pipeline("evaluate", "--data", "clicks", "--version", "m1", "--collection", "pipeline-mind", "--json",
                     cwd=folder, socket=socket)
    assert again.returncode == 0, again.stderr
    results = json.loads(again.stdout)["results"]
    row = next(line for line in table if line.startswith("mind, exact"))
    assert f"{results['m1, exact search']['hit_rate']['50']:.4f}" in row
    through, exact = results["m1, vecd at recall 0.95"], results["m1, exact search"]
    assert through["hit_rate"]["100"] == pytest.approx(exact["hit_rate"]["100"], rel=0.01)


def test_compare_leaves_nothing_behind(folder, socket, client) -> None:
    before = [known.name for known in client.collections()]
    done = pipeline("compare", "--data", "clicks", "--models-to-train", "youtube-dnn", "--json", *QUICK,
                    cwd=folder, socket=socket)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    models = ["youtube-dnn, exact search", "youtube-dnn, vecd at recall 0.95"]
    assert list(results) == ["popularity", "popularity, last tenth", *models]
    assert [known.name for known in client.collections()] == before


def test_ingest_of_a_checkpoint(folder, socket, client) -> None:
    import torch

    weight = torch.randn(20, 8)
    weight[0] = 0.0  # padding
    torch.save({"item.weight": weight}, folder / "model.pt")
    done = pipeline("ingest", "model.pt", "--collection", "pipeline-pt", "--metric", "cosine", "--generation", "g",
                    "--model", "towers-7", "--json", cwd=folder, socket=socket)
    assert done.returncode == 0, done.stderr
    assert [one.model for one in client.generations("pipeline-pt")] == ["towers-7"]
    assert json.loads(done.stdout)["health"]["zero"] == 1
    client.build_index("pipeline-pt", "g")
    assert np.allclose(client.get("pipeline-pt", [1], "g").vectors[0], weight[1].numpy())


@pytest.mark.parametrize("arguments, status, says", [
    (["train-and-publish", "--model", "bert", "--data", "clicks"], 64, "invalid choice: 'bert'"),
    (["train-and-publish", "--model", "mind", "--data", "nowhere"], 65, "there is no nowhere"),
    (["train-and-publish", "--model", "mind", "--data", "clicks"], 69, ""),
    (["compare", "--models-to-train", "mind", "--data", "clicks", "--exact-only", "--option", "pow_p=much"], 65, "a value like"),
    (["train-and-publish", "--model", "mind", "--data", "clicks", "--no-publish", "--option", "heads=2"], 65, "mind has emb"),
    (["train-and-publish", "--model", "mind", "--data", "clicks", "--no-publish", "--version", "m1", *QUICK], 65, "is there"),
    (["evaluate", "--data", "clicks", "--version", "none"], 65, "is not a model version"),
    (["generate", "--out", "x", "--items", "10"], 65, "ask for more"),
    (["compare", "--data", "clicks", "--exact-only", "--cut", "soon"], 65, "expected a date"),
])
def test_what_is_wrong_is_one_line_and_an_exit_code(folder, monkeypatch, capsys, arguments, status: int, says: str) -> None:
    """In this process, for speed; the two tests above went through the program."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VECD_SOCKET", "/nonexistent")
    if "m1" in arguments:
        (folder / "models" / "m1").mkdir(parents=True, exist_ok=True)
    try:
        got = main(arguments)
    except SystemExit as end:
        got = end.code
    out, err = capsys.readouterr()
    assert (got, out) == (status, "") and says in err.splitlines()[-1]


@pytest.mark.parametrize("verb", [[], ["train-and-publish"], ["generate"], ["evaluate"], ["compare"], ["ingest"], ["load-redis"]])
def test_help_has_examples(verb, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main([*verb, "--help"])
    assert end.value.code == 0 and "examples:" in capsys.readouterr().out
