"""What a client knows of a store over many lives of its daemon, and a short life in which everything occurs."""

from __future__ import annotations

from typing import Any

import vecd

from .model import State, complaint, seen, view
from .steps import Build, Configure, Create, Drop, Ingest, Publish, Rollback, Step, Together, states
from .writes import Bias, Compact, Delete, Exclude, Forget, Merged, Seal, Snapshot, Unbias, Upsert, Write, send_together

LOST = (vecd.ErrorCode.CONNECTION_LOST, vecd.ErrorCode.NOT_REACHABLE)


class Life:
    """What is known of a store over many lives of its daemon: a state, and the steps whose outcome is not known."""

    def __init__(self) -> None:
        self.known: State = {}
        self.unknown: list[Step] = []
        self.settled = 0  # how many unknown steps had happened
        self.is_certain = True  # that it was exactly so many

    def settle(self, answer: dict[str, Any]) -> str | None:
        """Compares what a new life shows; it tells which unknown steps happened. Returns what is wrong."""
        possible = states(self.unknown, self.known)
        views = [view(state) for state in possible]
        problem = complaint(answer, views, 0, len(views) - 1)
        if problem is None:
            # The greatest number of steps that fits: those that change nothing count as done.
            self.settled = len(views) - 1 - views[::-1].index(seen(answer))
            self.is_certain = views.count(seen(answer)) == 1
            self.known = possible[self.settled]
        self.unknown = []
        return problem

    def run(self, step: Step, client: vecd.Client) -> bool:
        """Whether it was acknowledged; a lost connection leaves it unknown."""
        try:
            step.run(client)
        except vecd.VecdError as error:
            if error.code not in LOST:
                raise
            self.unknown.append(step)
            return False
        self.known = step.change(self.known)
        return True

    def run_together(self, writes: list[Write], client: vecd.Client) -> int:
        """How many were acknowledged; those after them are unknown."""
        done, error = send_together(client, writes)
        if error and error.code not in LOST:
            raise error
        for write in writes[:done]:
            self.known = write.change(self.known)
        self.unknown += writes[done:]
        return done


def scenario(scale: int = 1, index: str = "ivf") -> list[Step]:
    """A short life in which every kind of step occurs, generations replace each other, and one is dropped."""
    here = range(1_000_000, 1_000_000 + 10 * scale)
    new = range(900, 900 + 10 * scale)
    return [
        Create("alpha", "cosine"), Ingest("alpha", 1_000_000, 30 * scale, 1, "m1"), Build("alpha", "m1", "flat"),
        Publish("alpha", "m1"), Exclude("alpha", "s1", (3, 1, 2)), Exclude("alpha", "s2", (9,)),
        Bias("alpha", "b1", (3, 900, 1_000_000)), Bias("alpha", "b2", (1,), -2.25),
        Upsert("alpha", (*here, *new), 4), Delete("alpha", (*here[::2], *new[::2])), Seal("alpha", "m1"),
        Upsert("alpha", tuple(new[::3]), 5), Delete("alpha", tuple(here)), Compact("alpha", "m1"), Upsert("alpha", tuple(new), 6),
        Exclude("alpha", "s1", (2, 12)), Forget("alpha", "s2"), Configure("alpha", "route", 100, 0.25),
        Bias("alpha", "b1", (3, 4), 0.0), Unbias("alpha", "b2"), Bias("alpha", "b1", (7, 900), 1e9),
        Ingest("alpha", 2_000_000, 30 * scale, 2, "m2", "mind@2"), Ingest("alpha", 3_000_000, 20 * scale, 3, "m2", "mind@2"),
        Build("alpha", "m2", index), Publish("alpha", "m2"), Snapshot("alpha", "first"), Delete("alpha", (2_000_000,), 7),
        Upsert("alpha", (2_000_001,), 12, None, "mind@2"), Rollback("alpha"), Configure("alpha", "count", 0),
        Create("beta", "l2"), Upsert("beta", (1, 2, 3), 8, None, "dssm@1"), Ingest("beta", 1, 5, 13, "b2", "dssm@2"),
        Build("beta", "b2"), Together(parts=(Publish("alpha", "m2"), Publish("beta", "b2"))), Rollback("alpha"),
        Drop("alpha", "m2"), Configure("beta", gauge=1.0), Exclude("beta", "s1", (1,)), Bias("beta", "b2", (1, 2)),
        Drop("beta"),
        Exclude("alpha", "s2", (7,)),
        Upsert("alpha", tuple(new), 9), Seal("alpha", "m1"), Upsert("alpha", (1, 2), 10), Seal("alpha", "m1"),
        Upsert("alpha", (3, 1), 11), Seal("alpha", "m1"), Merged("alpha", "m1"), Delete("alpha", (3,)),
    ]


SCENARIO = scenario()
