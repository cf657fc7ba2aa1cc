"""The Markdown page of a benchmark run."""

from __future__ import annotations


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def amount(seconds: float, unit: str) -> str:
    """Rates for many small units, times for single acts."""
    if unit in ("row", "query"):
        return f"{1 / seconds:,.0f}/s"
    if seconds < 0.01:
        return f"{1e6 * seconds:,.1f} us"
    return f"{1000 * seconds:,.1f} ms"


def spread(values: dict, unit: str) -> str:
    ends = [amount(values[which], unit) for which in ("least", "greatest")]
    if amount(1, unit).endswith("/s"):
        ends.reverse()  # the least time is the greatest rate
    return f"{amount(values['median'], unit)} ({ends[0]} to {ends[1]})"


def ratio(values: dict) -> str:
    return f"{number(values['median'])} ({number(values['least'])} to {number(values['greatest'])})"


def section(title: str, contests: list[dict]) -> list[str]:
    lines = [f"## {title}", "", "| what | engine | median (spread) | vecd is so many times faster |", "|---|---|---|---|"]
    for contest in contests:
        for engine, values in contest["seconds_per_unit"].items():
            first = contest["name"] if engine == "vecd" else ""
            versus = ratio(contest["times_faster_than"][engine]) if engine in contest["times_faster_than"] else ""
            lines.append(f"| {first} | {engine} | {spread(values, contest['unit'])} | {versus} |")
        notes = contest["notes"]
        if notes.get("vecd_cpu_seconds_per_query"):
            cpu = sorted(notes["vecd_cpu_seconds_per_query"])
            middle = {"median": cpu[len(cpu) // 2], "least": cpu[0], "greatest": cpu[-1]}
            lines.append(f"| | CPU time in the daemon, as a rate | {spread(middle, 'query')} | |")
    shares = [contest["notes"]["same_ids_as_faiss"] for contest in contests if "same_ids_as_faiss" in contest["notes"]]
    if shares:
        lines += ["", f"Share of result ids equal to Faiss's: {100 * min(shares):.3f} % or more in every row."]
    return [*lines, ""]


def markdown(result: dict) -> str:
    machine, versions = result["machine"], result["versions"]
    lines = [
        "# vecd and its peers, side by side",
        "",
        f"Measured {result['date']} by `Tools/bench/run`: {machine['cpu']} ({machine['architecture']}; "
        f"{machine['cpu_features']}), {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}; "
        f"load average before the run {machine['load_average_before']}.",
        f"{versions['vecd']} (kernels: {versions['kernel_tier']}), Faiss {versions['faiss']}, numpy {versions['numpy']}, "
        f"Python {versions['python']}.",
        "",
        f"{result['rounds']} rounds after one that warms up; in each round every engine is measured once, one after the "
        "other. Given is the median of the rounds with the least and the greatest time; ratios are taken round by round. "
        "All engines compute on the same single core with one thread; the client of vecd runs on another core. "
        "\"vecd\" is the Python client through the socket; \"bare frames\" sends prepared frames over a bare socket and "
        "does not decode the replies. Faiss (`IndexFlatIP`) and numpy are called in the measuring process, without any "
        "socket, and hold float32 rows; for batches Faiss runs both with sgemm and with its own kernels, and the better one counts.",
        "",
    ]
    for group in dict.fromkeys(contest["group"] for contest in result["contests"]):
        title = "Socket round trip" if group == "socket" else f"{group}: {result['sets'][group]}"
        lines += section(title, [contest for contest in result["contests"] if contest["group"] == group])
    return "\n".join(lines).rstrip() + "\n"
