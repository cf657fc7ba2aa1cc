"""A self-contained HTML report: tables and plots as inline SVG, no script, nothing loaded from anywhere."""

from __future__ import annotations

import html
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .evaluate import Quality, recall_of
from .exact import scores, unit_rows
from .store import Store
from .workflow import Experiment, Fitted, asked_of

COLOURS = ["#3366aa", "#cc6633", "#338855", "#884499", "#777777", "#aa9933"]
EFFORTS = (0.8, 0.9, 0.95, 0.98, 0.99, None)  # recall targets; None is exact
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
table{border-collapse:collapse;font-size:.85rem}td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #dde3ea}
td:first-child,th:first-child{text-align:left}figure{margin:1.5rem 0}figcaption{color:#66717f}svg{max-width:100%;height:auto}"""


def write_report(
    path: Path, experiment: Experiment, fits: list[Fitted], shown: dict[str, Quality], store: Store | None,
    versions: dict[str, Any],
) -> None:
    """versions: by model the label of its generation in `store`, or a Store of its own (generation "compared")."""
    figures = [("HitRate by model", "HitRate@k over leave-last-out questions; grey is popularity.", _hit_rates(shown))]
    curves = {name: _latencies(*_place(store, at), experiment, _of(fits, name)) for name, at in versions.items()}
    if curves:
        text = "Recall@100 of one user per request against exact search, and the median time of the request."
        figures.append(("Recall against latency", text, _latency_plot(curves)))
    for one in fits:
        text = f"{one.name}: scores of the items that users clicked next, and of items drawn at random."
        figures.append((f"Scores, {one.name}", text, _score_plot(one, experiment)))
    for one in fits:
        text = f"{one.name}: first two principal directions of up to 3,000 item vectors, coloured by {_colour_name(experiment)}."
        figures.append((f"Map of the items, {one.name}", text, _map_plot(one, experiment)))
    body = [f"<h2>Results</h2><p>{_data_line(experiment)}</p>", _table(shown)]
    body += [f"<p>{html.escape(one.name)}: {html.escape(one.health.line())}.</p>" for one in fits]
    for title, text, svg in figures:
        body.append(f"<h2>{html.escape(title)}</h2><figure>{svg}<figcaption>{html.escape(text)}</figcaption></figure>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Recall report</title><style>{STYLE}</style></head>'
        f"<body><h1>Recall report</h1>{''.join(body)}</body></html>\n", encoding="utf-8"
    )


def _place(store: Store | None, at: Any) -> tuple[Store, str]:
    return (at, "compared") if isinstance(at, Store) else (store, at)  # type: ignore[return-value]


def _of(fits: list[Fitted], name: str) -> Fitted:
    return next(one for one in fits if one.name == name)


def _data_line(experiment: Experiment) -> str:
    clicks = experiment.clicks
    return html.escape(
        f"{len(clicks):,} clicks, {len(clicks.user_ids):,} users, {len(clicks.item_ids):,} items; "
        f"{len(experiment.split):,} questions. Terms of the data: {clicks.terms}."
    )


def _table(shown: dict[str, Quality]) -> str:
    depths = list(next(iter(shown.values())).hit_rate)
    columns = [(what, k) for what in ("hit_rate", "ndcg", "coverage") for k in depths]
    names = {"hit_rate": "HitRate", "ndcg": "NDCG", "coverage": "coverage"}
    head = "".join(f"<th>{names[what]}@{k}</th>" for what, k in columns)
    rows = [
        f"<tr><td>{html.escape(name)}</td>" + "".join(f"<td>{getattr(one, what)[k]:.4f}</td>" for what, k in columns) + "</tr>"
        for name, one in shown.items()
    ]
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _figure(draw: Callable[[Any], None], width: float = 7.5, height: float = 4.0) -> str:
    """A plot as SVG text. Names are salted by a constant, so that the same data gives the same bytes."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "recall", "svg.fonttype": "none", "font.family": "sans-serif"}):
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure((width, height), layout="constrained")
        draw(figure.add_subplot())
        out = io.StringIO()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _hit_rates(shown: dict[str, Quality]) -> str:
    def draw(axes: Any) -> None:
        depths = list(next(iter(shown.values())).hit_rate)
        width = 0.8 / len(shown)
        models = [name for name in shown if not name.startswith("popularity")]
        for place, (name, one) in enumerate(shown.items()):
            colour = COLOURS[models.index(name) % len(COLOURS)] if name in models else ("#aaaaaa", "#cccccc")[place % 2]
            axes.bar(np.arange(len(depths)) + place * width, [one.hit_rate[k] for k in depths], width, label=name, color=colour)
        axes.set_xticks(np.arange(len(depths)) + 0.4 - width / 2, [f"HitRate@{k}" for k in depths])
        axes.set_ylim(0, 1)
        axes.legend(fontsize=8)

    return _figure(draw)


def _latencies(store: Store, version: str, experiment: Experiment, one: Fitted) -> list[tuple[str, float, float]]:
    """(effort, milliseconds of the median request, recall@100), one user per request."""
    asked = asked_of(experiment, one.asked[:200])
    exact = store.search(asked.users, 100, version, exact=True).ids
    out = []
    for effort in EFFORTS:
        took, found = [], []
        for user in asked.users:
            begun = time.perf_counter()
            found.append(store.search(user[None], 100, version, exact=effort is None, recall=effort).ids[0])
            took.append(time.perf_counter() - begun)
        label = "exact" if effort is None else f"{effort:g}"
        out.append((label, float(np.median(took)) * 1000, recall_of(np.array(found), exact)))
    return out


def _latency_plot(curves: dict[str, list[tuple[str, float, float]]]) -> str:
    def draw(axes: Any) -> None:
        for (name, points), colour in zip(curves.items(), COLOURS):
            axes.plot([point[1] for point in points], [point[2] for point in points], "o-", label=name, color=colour)
            for label, milliseconds, recall in points:
                axes.annotate(label, (milliseconds, recall), fontsize=7, xytext=(3, -9), textcoords="offset points")
        axes.set_xlabel("milliseconds of a request")
        axes.set_ylabel("recall@100")
        axes.legend(fontsize=8)

    return _figure(draw)


def _score_plot(one: Fitted, experiment: Experiment) -> str:
    rng = np.random.default_rng(1)
    rows = rng.choice(len(one.asked), min(1000, len(one.asked)), replace=False)
    scale = unit_rows if one.metric == "cosine" else np.asarray
    users, answers = scale(one.asked[rows]), scale(one.items[experiment.split.items[rows]])
    true = np.einsum("nkd,nd->nk", users, answers).max(axis=1)
    drawn = scores(scale(one.items[rng.choice(np.flatnonzero(one.keep), 50)]), users).ravel()

    def draw(axes: Any) -> None:
        edges = np.linspace(min(true.min(), drawn.min()), max(true.max(), drawn.max()), 50)
        axes.hist(drawn, edges, density=True, alpha=0.6, label="random items", color="#aaaaaa")
        axes.hist(true, edges, density=True, alpha=0.7, label="clicked next", color=COLOURS[0])
        axes.set_xlabel("cosine" if one.metric == "cosine" else "inner product")
        axes.set_yticks([])
        axes.legend(fontsize=8)

    return _figure(draw, height=3.0)


def _colour_name(experiment: Experiment) -> str:
    features = experiment.split.train.item_features
    return next(iter(features)) if features else "popularity"


def _map_plot(one: Fitted, experiment: Experiment) -> str:
    rows = np.flatnonzero(one.keep)
    rows = rows[:: max(1, len(rows) // 3000)][:3000]
    vectors = one.items[rows].astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ directions[:2].T
    train = experiment.split.train
    features = list(train.item_features.values())
    colour = features[0].codes[rows] % 20 if features else np.log1p(train.item_counts[rows])

    def draw(axes: Any) -> None:
        axes.scatter(flat[:, 0], flat[:, 1], c=colour, s=5, cmap="tab20" if features else "viridis", linewidths=0)
        axes.set_xticks([])
        axes.set_yticks([])

    return _figure(draw, 7.5, 5.5)
