"""What each hyperparameter of a model does: one changed at a time, everything else at its default.

    Tools/recall/bench/run hyperparameters --data clicks --out docs/benchmarks

The defaults are trained with several seeds: a difference that is smaller than what the seeds make is none. Every run has the
same number of epochs, so more of anything also costs more time, which is measured (CPU seconds to train and to evaluate, on one
thread).
Writes hyperparameters.json, .md and .svg; runs that a JSON of the same log and settings has already are not repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from recall.data import open_clicks
from recall.models import options_of
from recall.shown import say
from recall.train import Training
from recall.workflow import Experiment, fit

# What is tried besides the default, and what the literature recommends.
LENGTHS = ("history_length", (10, 20, 100), "20 (Cen 2020) to 50 (Covington 2016); the newest clicks")
WIDTHS = ("embedding_dim", (16, 32, 128), "36 to 64 (Li 2019), 128 (Huang 2013), 256 (Covington 2016)")
HEAT = ("temperature", (0.02, 0.05, 0.1, 0.2), "0.03 to 0.2 by cosine, tuned by the log (Yi 2019)")
DRAWN = (100, 300, 3000)
TRIED: dict[str, tuple[tuple[str, tuple[Any, ...], str], ...]] = {
    "dssm": (
        WIDTHS, ("num_sampled", DRAWN, "4 (Huang 2013); those of the batch (Yi 2019), which is the default here"), HEAT, LENGTHS,
    ),
    "youtube-dnn": (
        WIDTHS, ("num_sampled", DRAWN, "several thousand (Covington 2016)"), ("alpha", (0.0, 0.5, 1.0), "0.75 (Mikolov 2013)"),
        HEAT, LENGTHS,
    ),
    "mind": (
        WIDTHS, ("num_sampled", DRAWN, "10 a sample (Cen 2020), shared by the batch"), HEAT,
        ("num_interests", (1, 2, 8), "4 (Cen 2020), 5 to 7 (Li 2019), by the users of the log"),
        ("routing_rounds", (1, 2, 5), "3 (Sabour 2017, Cen 2020)"), LENGTHS,
    ),
}
SHOWN = {
    "embedding_dim": "d", "num_sampled": "negatives K", "temperature": "temperature", "num_interests": "interests",
    "routing_rounds": "routing rounds", "history_length": "history length", "alpha": "alpha of the negatives",
}


def given_of(model: str, name: str, value: Any) -> dict[str, Any]:
    """DSSM draws negatives only when it does not take those of the batch."""
    return {name: value, "negatives": "sampled"} if (model, name) == ("dssm", "num_sampled") else {name: value}


def measure(model: str, given: dict[str, Any], seed: int, experiment: Experiment, epochs: int) -> dict[str, Any]:
    begun = time.process_time()
    done = fit(model, given, experiment, Training(epochs=epochs, seed=seed, threads=1))
    hit, spent = done.exact.hit_rate, time.process_time() - begun
    say(f"{model} {given} seed {seed}: HitRate@100 {hit[100]:.4f}, {spent:.0f} s")
    return {
        "hit_rate": {str(k): round(v, 5) for k, v in hit.items()}, "coverage": round(done.exact.coverage[100], 4),
        "seconds": round(spent),
    }


def sweep(models: list[str], experiment: Experiment, epochs: int, seeds: int, kept: dict[str, Any], save) -> dict[str, Any]:
    """{model: {"default": [runs], option: {value: run}}}; save(results) after every run."""
    for model in models:
        of_model = kept.setdefault(model, {})
        runs = of_model.setdefault("default", [])
        while len(runs) < seeds:
            runs.append(measure(model, {}, len(runs) + 1, experiment, epochs))
            save(kept)
        for name, values, _ in TRIED[model]:
            of_option = of_model.setdefault(name, {})
            for value in values:
                if str(value) not in of_option:
                    of_option[str(value)] = measure(model, given_of(model, name, value), 1, experiment, epochs)
                    save(kept)
    return kept


def curve(model: str, name: str, results: dict[str, Any]) -> list[tuple[str, float, dict[str, Any]]]:
    """(label, value, run) in order of value, the default among them with its first seed."""
    default = getattr(options_of(model, {}), name)
    points = [(value, float(value), run) for value, run in results[model][name].items()]
    if (model, name) == ("dssm", "num_sampled"):
        points.append(("**of the batch**", 511.0, results[model]["default"][0]))
    else:
        points.append((f"**{default:g}**", float(default), results[model]["default"][0]))
    return sorted(points, key=lambda point: point[1])


def markdown(results: dict[str, Any], about: str) -> str:
    lines = ["# What each hyperparameter does", "", about, ""]
    for model, of_model in results.items():
        rates = [run["hit_rate"]["100"] for run in of_model["default"]]
        lines += [
            f"## {model}", "",
            f"Defaults, {len(rates)} seeds: HitRate@100 {np.median(rates):.3f} ({min(rates):.3f} to {max(rates):.3f}).", "",
            "| | value: HitRate@100 / @500 (coverage@100; CPU s) | literature |", "|---|---|---|",
        ]
        for name, _, advice in TRIED[model]:
            cells = [
                f"{label}: {run['hit_rate']['100']:.3f} / {run['hit_rate']['500']:.3f} ({run['coverage']:.2f}; {run['seconds']:.0f})"
                for label, _, run in curve(model, name, results)
            ]
            lines.append(f"| {SHOWN[name]} | {'<br>'.join(cells)} | {advice} |")
        lines.append("")
    return "\n".join(lines)


def plot(results: dict[str, Any], path: Path) -> None:
    """A panel for each hyperparameter, a line for each model, the spread of the seeds as a band."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "vecd"  # the same results draw the same bytes
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 4, figsize=(14, 6), sharey=True, constrained_layout=True)
    colours = dict(zip(TRIED, ("tab:blue", "tab:green", "tab:red")))
    for panel, name in zip(panels.flat, SHOWN):
        ticks: set[float] = set()
        for model in results:
            if name in results[model]:
                points = curve(model, name, results)
                rates = [run["hit_rate"]["100"] for _, _, run in points]
                ticks |= {value for _, value, _ in points}
                panel.plot([value for _, value, _ in points], rates, "o-", ms=4, color=colours[model], label=model)
                seeds = [run["hit_rate"]["100"] for run in results[model]["default"]]
                panel.axhspan(min(seeds), max(seeds), color=colours[model], alpha=0.15, lw=0)
        if name in ("embedding_dim", "num_sampled", "temperature"):
            panel.set_xscale("log")
        panel.set_xticks(sorted(ticks), [f"{tick:g}" for tick in sorted(ticks)], fontsize=8)
        panel.minorticks_off()
        panel.set_title(SHOWN[name], fontsize=10)
        panel.grid(alpha=0.3)
    for row in panels:
        row[0].set_ylabel("HitRate@100")
    for panel in list(panels.flat)[len(SHOWN):]:
        panel.axis("off")
        panel.legend(*panels.flat[0].get_legend_handles_labels(), loc="center", frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    made = argparse.ArgumentParser(prog="run hyperparameters", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", required=True)
    made.add_argument("--models", default=",".join(TRIED), help="with commas between")
    made.add_argument("--epochs", type=int, default=2)
    made.add_argument("--seeds", type=int, default=3, help="of the defaults")
    made.add_argument("--test-users", type=int, default=10_000)
    made.add_argument("--out", type=Path, required=True, help="folder of the results")
    given = made.parse_args()
    models = given.models.split(",")
    if unknown := [name for name in models if name not in TRIED]:
        made.error(f"{unknown[0]!r} is none of {', '.join(TRIED)}")
    experiment = Experiment.of(open_clicks(given.data), given.test_users)
    clicks, depth = experiment.clicks, 100
    about = {"clicks": len(clicks), "users": len(clicks.user_ids), "items": len(clicks.item_ids), "epochs": given.epochs,
             "questions": len(experiment.split), "popularity": round(experiment.popularity.hit_rate[depth], 5)}
    path = given.out / "hyperparameters.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    kept = before["results"] if before.get("about") == about else {}

    def save(results: dict[str, Any]) -> None:
        path.write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n")

    given.out.mkdir(parents=True, exist_ok=True)
    results = sweep(models, experiment, given.epochs, given.seeds, kept, save)
    text = (
        f"`Tools/recall/bench/run hyperparameters` on {about['clicks']:,} generated clicks of {about['users']:,} users on "
        f"{about['items']:,} items, {about['epochs']} epochs, {about['questions']:,} questions by exact search; popularity has "
        f"HitRate@100 {about['popularity']:.3f}. One option changed at a time, one seed each; defaults are bold."
    )
    (given.out / "hyperparameters.md").write_text(markdown(results, text))
    plot(results, given.out / "hyperparameters.svg")


if __name__ == "__main__":
    main()
