"""Results as a page to read and as plots to look at."""

from __future__ import annotations

from pathlib import Path


def markdown(result: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        "# vecd and its peers at equal recall",
        "",
        f"Measured by `Tools/bench/peers/run` on {result['cpu']} ({result['cores']} cores); {versions}.",
        "",
        "Everything runs on one pinned core with one thread, in process (vecd by `vecbench`, peers by their Python modules). "
        "Each setting of each index is tried once; per target the fastest one that reaches it takes part in "
        f"{result['rounds']} interleaved rounds after one that warms up. Given are queries per second, the median of the "
        "rounds, and in the last column vecd's best index divided by the best peer, round by round: median (least to "
        "greatest). `-`: no setting reaches the target.",
        "",
    ]
    for data in result["sets"]:
        lines += section(data)
    if result["missing"]:
        lines += ["## Who is missing", ""]
        lines += [f"- {name}: {reason}" for name, reason in result["missing"].items()] + [""]
    return "\n".join(lines).rstrip() + "\n"


def section(data: dict) -> list[str]:
    names = [built["name"] for built in data["built"]]
    lines = [
        f"## {data['name']}: {data['rows']:,} x {data['dimension']}, {data['metric']}", "", f"{data['about']}; "
        f"{data['queries']} queries; {data['date']}, load average before {data['load_average_before']}.", "",
        "| index | built with | build, s | memory, MiB |", "|---|---|---|---|",
    ]
    for built in data["built"]:
        memory = f"{built['bytes'] / 2**20:.0f}" if built["bytes"] else ""
        lines.append(f"| {built['name']} | {built['about']} | {built['build_seconds']:.1f} | {memory} |")
    for batch in dict.fromkeys(row["batch"] for row in data["results"]):
        lines += ["", f"### {batch} queries a call", "", f"| k | recall | {' | '.join(names)} | vecd / best peer |"]
        lines.append("|---" * (len(names) + 3) + "|")
        for row in (row for row in data["results"] if row["batch"] == batch):
            speeds = {entry["name"]: f"{entry['median']:,.0f}" for entry in row["entries"]}
            cells = " | ".join(speeds.get(name, "-") for name in names)
            lines.append(f"| {row['k']} | {row['target']:.2f} | {cells} | {share(row['ratio'])} |")
    return [*lines, ""]


def share(ratio: dict | None) -> str:
    if ratio is None:
        return ""
    return f"**{ratio['median']:.2f}** ({ratio['least']:.2f} to {ratio['greatest']:.2f}), {ratio['vecd']} / {ratio['peer']}"


def plots(result: dict, out: Path) -> None:
    """One SVG per data set and batch: recall against queries per second, a panel per k."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "vecd"
    from matplotlib import pyplot

    for data in result["sets"]:
        for batch in dict.fromkeys(one["batch"] for one in data["sweeps"]):
            sweeps = [one for one in data["sweeps"] if one["batch"] == batch]
            ks = sorted({one["k"] for one in sweeps})
            figure, axes = pyplot.subplots(1, len(ks), figsize=(5 * len(ks), 4), squeeze=False)
            for axis, k in zip(axes[0], ks):
                for one in (one for one in sweeps if one["k"] == k):
                    recalls, speeds = [p[1] for p in one["points"]], [p[2] for p in one["points"]]
                    ours = one["name"].startswith("vecd")
                    axis.plot(recalls, speeds, marker="o", markersize=5 if ours else 3, label=one["name"],
                              linewidth=2.2 if ours else 1.0, linestyle="-" if ours else "--")
                axis.set(xlim=(0.6, 1.005), yscale="log", xlabel=f"recall@{k}", ylabel="queries/s, one core",
                         title=f"k = {k}")
                axis.grid(True, which="both", alpha=0.3)
            axes[0][-1].legend(fontsize=7, loc="best")
            figure.suptitle(f"{data['name']}, {data['metric']}, {batch} queries a call")
            figure.tight_layout()
            figure.savefig(f"{out}-{data['name']}-{batch}.svg", metadata={"Date": None})
            pyplot.close(figure)
