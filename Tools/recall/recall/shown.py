"""What a person sees: progress bars on a terminal, tables, one line per gate. Data goes to stdout, this to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .evaluate import Quality


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def bar(title: str) -> Iterator[Any]:
    """Yields update(done, total, note=""): a bar when stderr is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total, note="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn(),
               TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None, note="")

        def update(done: int, total: int, note: Any = "") -> None:
            shown = f"loss {note:.3f}" if isinstance(note, float) else note
            progress.update(task, completed=done, total=total, note=shown)

        yield update


def table(rows: list[list[str]]) -> str:
    """Left column to the left, numbers to the right, two blanks between."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *numbers in rows:
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def quality_table(named: dict[str, Quality]) -> str:
    depths = list(next(iter(named.values())).hit_rate)
    head = [""] + [f"{what}@{k}" for what in ("HitRate", "NDCG", "coverage") for k in depths]
    rows = [
        [name] + [f"{getattr(one, what)[k]:.4f}" for what in ("hit_rate", "ndcg", "coverage") for k in depths]
        for name, one in named.items()
    ]
    return table([head, *rows])


def gate_lines(verdict) -> str:
    lines = [f"  {'pass' if gate.passed else 'FAIL'}  {gate.name}: {gate.detail}" for gate in verdict.gates]
    if verdict.published:
        lines.append(f"{verdict.version} is live" + (f", in place of {verdict.replaced}" if verdict.replaced else ""))
    else:
        failed = ", ".join(gate.name for gate in verdict.gates if not gate.passed)
        lines.append(f"{verdict.version} is NOT published: {failed}. {verdict.replaced or 'Nothing'} stays live")
    return "\n".join(lines)
