"""The command line: `Tools/recall/pipeline`. Each command is a few steps of `workflow`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .problem import Problem

MODELS = ("dssm", "youtube-dnn", "mind")
EXAMPLES = """examples:
  pipeline generate --out clicks                                        a structured log by seed: 2,000 items, 60,000 clicks
  pipeline train-and-publish --model mind --data clicks                 train, push, build, check, publish
  pipeline train-and-publish --model dssm --data ml-1m --option temperature=0.05 --option hidden=256,128
  pipeline train-and-publish --model youtube-dnn --data log.parquet --user-column uid --item-column iid --time-column ts
  pipeline evaluate --data clicks --version mind-20260301-120000        a published version again, exactly and through vecd
  pipeline compare --data clicks --report report.html                   the three models and the baselines side by side
  pipeline ingest items.parquet --collection videos --generation m7     vectors of another program; also safetensors, .pt
  pipeline load-redis --data clicks                                     histories and titles, for Tools/recall/serve
  pipeline train-texts --out texts                                      words instead of clicks: learn from 50,000 real titles
  pipeline search-texts "how do I keep basil alive" --out texts         and find some
"""
EPOCHS_OF_TEXTS = 12
SAMPLE = Path(__file__).resolve().parents[2] / "data" / "reddit-sample"


def main(arguments: list[str] | None = None) -> int:
    """0 done; 64 wrong arguments; 65 the data or a gate says no; 69 no daemon; 74 input or output failed."""
    options = parser().parse_args(arguments)
    import vecd

    from . import commands

    try:
        answer, status = getattr(commands, options.command.replace("-", "_"))(options)
    except Problem as error:
        return _fail(options, str(error), 65)
    except vecd.VecdError as error:
        return _fail(options, str(error), 69 if error.code == vecd.ErrorCode.NOT_REACHABLE else 65)
    except OSError as error:
        return _fail(options, str(error), 74)
    if options.json:
        print(json.dumps(answer))
    return status


def _fail(options: argparse.Namespace, message: str, status: int) -> int:
    print(f"pipeline: error: {message}", file=sys.stderr)
    if options.json:
        print(json.dumps({"error": {"message": message}}))
    return status


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        print(f"{self.prog}: error: {message}; --help says more", file=sys.stderr)
        raise SystemExit(64)


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="pipeline", description="From click logs to candidates in vecd.", epilog=EXAMPLES,
                  formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest="command", required=True, parser_class=_Parser, metavar="COMMAND")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text, epilog=EXAMPLES,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
        made.add_argument("--json", action="store_true", help="one JSON object on stdout")
        return made

    made = verb("generate", "writes a structured click log by seed")
    made.add_argument("--out", type=Path, required=True, help="folder for clicks.parquet, items.parquet, recipe.json")
    for name in ("items", "users", "clicks", "topics", "clusters", "days", "seed"):
        made.add_argument(f"--{name}", type=int)

    made = verb("train-and-publish", "trains a model, pushes its vectors, checks, publishes")
    made.add_argument("--model", choices=MODELS, required=True)
    made.add_argument("--version", help="label of the generation; MODEL-DATE-TIME (UTC) if not given")
    made.add_argument("--collection", help="collection of the daemon; recall-MODEL if not given")
    made.add_argument("--hit-rate-margin", type=float, default=0.02, help="share of the live HitRate@100 that may be lost")
    made.add_argument("--no-publish", action="store_true", help="train and write the model version, leave the daemon alone")
    _data(made), _training(made), _store(made), _report(made)

    made = verb("evaluate", "measures a model version on a log, exactly and through vecd")
    made.add_argument("--version", required=True)
    made.add_argument("--collection", help="collection of the daemon; recall-MODEL if not given")
    made.add_argument("--exact-only", action="store_true", help="without a daemon")
    _data(made), _store(made)

    made = verb("ingest", "pushes vectors that another program made into a generation")
    made.add_argument("file", type=Path, help="npy, Parquet, Arrow, safetensors or a torch checkpoint")
    made.add_argument("--collection", required=True)
    made.add_argument("--generation", help="its label; a new one if not given")
    made.add_argument("--vectors", metavar="NAME", help="column or tensor of vectors, where several may be meant")
    made.add_argument("--ids", metavar="NAME", help="column or tensor of ids; else rows are numbered from 0")
    made.add_argument("--first-row", type=int, default=0, help="skip rows before it, such as the padding row of an embedding")
    made.add_argument("--metric", choices=("ip", "cosine", "l2"), help="makes the collection if it is not there")
    made.add_argument("--model", metavar="VERSION", help="version of the model that made the vectors, see docs/models.md")
    made.add_argument("--socket", help="of the daemon; else as vecctl finds it")

    made = verb("load-redis", "writes histories, features, titles and covers of a log to Redis, for the service")
    made.add_argument("--redis", default="redis://127.0.0.1:6379/0", metavar="URL")
    _data(made)

    made = verb("compare", "trains all models and measures them beside the baselines")
    made.add_argument("--models-to-train", default=",".join(MODELS), metavar="NAMES", help="with commas between")
    made.add_argument("--exact-only", action="store_true", help="without a daemon")
    _data(made), _training(made), _store(made), _report(made)

    made = verb("train-texts", "trains a DSSM of words on titles, asks it real texts, publishes it")
    made.add_argument("--data", type=Path, default=SAMPLE, help="folder with titles.tsv.gz and query_texts.tsv.gz")
    made.add_argument("--epochs", type=int, default=EPOCHS_OF_TEXTS)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--version", help="label of the generation; texts-DATE-TIME (UTC) if not given")
    made.add_argument("--no-publish", action="store_true", help="train and write the version, leave the daemon alone")
    made.add_argument("--target-recall", type=float, default=0.95)
    _texts(made)

    made = verb("search-texts", "finds titles for words of yours with the live model of train-texts")
    made.add_argument("text", help="a question, or what a post might say")
    made.add_argument("--count", type=int, default=10, help="how many titles (default 10)")
    _texts(made)
    return top


def _texts(made: argparse.ArgumentParser) -> None:
    made.add_argument("--out", type=Path, default=Path("texts"), help="folder of versions of the text model (default ./texts)")
    made.add_argument("--collection", default="posts-text", help="of the daemon (default posts-text)")
    made.add_argument("--socket", help="of the daemon; else as vecctl finds it")


def _data(made: argparse.ArgumentParser) -> None:
    made.add_argument("--data", required=True, help="folder of MovieLens, Globo.com or generated clicks; or a table")
    made.add_argument("--user-column", default="user")
    made.add_argument("--item-column", default="item")
    made.add_argument("--time-column", default="time")
    made.add_argument("--user-features", default="", metavar="COLUMNS", help="of a table, with commas between")
    made.add_argument("--item-features", default="", metavar="COLUMNS")
    made.add_argument("--title-column")
    made.add_argument("--cover-column", help="addresses of pictures")
    made.add_argument("--test-users", type=int, default=10_000, help="how many users are asked about (default 10000)")
    made.add_argument("--cut", metavar="DATE", help="train before this date (2017-10-14), ask for first clicks after it")
    made.add_argument("--split-seed", type=int, default=0)


def _training(made: argparse.ArgumentParser) -> None:
    made.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the model, as in its paper")
    made.add_argument("--epochs", type=int, default=5)
    made.add_argument("--batch-size", type=int, default=512)
    made.add_argument("--learning-rate", type=float, default=0.01)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--seconds", type=float, help="stop training after so much CPU time")


def _store(made: argparse.ArgumentParser) -> None:
    made.add_argument("--models", type=Path, default=Path("models"), help="folder of model versions (default ./models)")
    made.add_argument("--socket", help="of the daemon; else as vecctl finds it")
    made.add_argument("--target-recall", type=float, default=0.95)


def _report(made: argparse.ArgumentParser) -> None:
    made.add_argument("--report", type=Path, help="write a self-contained HTML report here")


def model_options(model: str, given: list[str]) -> dict[str, Any]:
    """NAME=VALUE texts as values of the types that the model's options have."""
    from .models import OPTIONS

    defaults = OPTIONS[model]()
    known = {field.name: getattr(defaults, field.name) for field in fields(defaults)}
    out: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or name not in known:
            raise Problem(f"--option {text}: {model} has {', '.join(known)}; write NAME=VALUE")
        out[name] = _as(known[name], value, text)
    return out


def _as(example: Any, value: str, text: str) -> Any:
    try:
        if isinstance(example, bool):
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        if isinstance(example, tuple):
            return tuple(int(part) for part in value.split(",") if part)
        return type(example)(value)
    except (ValueError, KeyError):
        raise Problem(f"--option {text}: expected a value like {example!r}") from None


def now_label(model: str) -> str:
    return f"{model}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"


def training_of(options: argparse.Namespace):
    from .train import Training

    names = ("epochs", "batch_size", "learning_rate", "seed", "threads", "seconds")
    return Training(**{name: getattr(options, name) for name in names})


__all__ = ["asdict", "main", "model_options", "now_label", "parser", "training_of"]
