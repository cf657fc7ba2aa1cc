"""Making generations live: one or several at once, and only when what was asked of them holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import protocol as p
from .arrays import as_float32, as_model, as_vectors, bad, measure, ratio, whole
from .results import as_object
from .wire import Limits, malformed


@dataclass(frozen=True, kw_only=True, eq=False)
class PublishChecks:
    """What must hold of a generation, else it does not become live (`publish-refused`). Only what is given is checked.

    min_rows: it has at least so many rows.
    min_share: its rows are at least this share of the live generation's.
    min_recall: share of the true best k that searches find, 0 to 1.
    min_overlap: share of the live generation's best k that is among its own, 0 to 1.
    max_drift: how far the mean score of the best k may be from the live generation's, in standard deviations of that one's
        scores.
    max_unseen: share of its rows that is in no answer to any of the queries, 0 to 1.
    model: it carries this model version.
    k: of recall, overlap, drift and unseen; 100 if not given.
    queries: (n, d), asked by these; the ones that the daemon keeps if not given.
    live_queries: (n, d), the same users as the live generation's model sees them; needed when the two models differ.
    dry_run: publishes nothing; the report tells what would be.
    """

    min_rows: int | None = None
    min_share: float | None = None
    min_recall: float | None = None
    min_overlap: float | None = None
    max_drift: float | None = None
    max_unseen: float | None = None
    model: str | None = None
    k: int | None = None
    queries: Any = None
    live_queries: Any = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        self._options()

    def _options(self) -> dict[str, Any]:
        """The options of the request that are there, by the names of their fields."""
        if not isinstance(self.dry_run, (bool, np.bool_)):
            raise bad(f"dry_run is {self.dry_run!r}, expected True or False")
        queries, live = _queries(self.queries, "queries"), _queries(self.live_queries, "live_queries")
        if live is not None and queries is None:
            raise bad("live_queries are given without queries, those of the same users for the generation to publish")
        if live is not None and queries is not None and live.count != queries.count:
            raise bad(f"there are {live.count} live_queries for {queries.count} queries; pass one for each")

        def given(convert: Callable[..., Any], value: Any, *how: Any) -> Any:
            return None if value is None else convert(value, *how)

        options = {
            "least_rows": given(whole, self.min_rows, "min_rows", 0, 2**64 - 1),
            "least_share": given(measure, self.min_share, "min_share"),
            "least_recall": given(ratio, self.min_recall, "min_recall"),
            "least_overlap": given(ratio, self.min_overlap, "min_overlap"),
            "greatest_drift": given(measure, self.max_drift, "max_drift"),
            "greatest_unseen": given(ratio, self.max_unseen, "max_unseen"),
            "model": as_model(self.model),
            "k": given(whole, self.k, "k", 1, Limits.K),
            "queries": queries,
            "live_queries": live,
            "dry_run": True if self.dry_run else None,
        }
        return {name: value for name, value in options.items() if value is not None}


@dataclass
class PublishResult:
    """replaced: the label of the generation that was live ("" for none). report: what the checks measured, {"passed": ...,
    "checks": [...]} (keys in docs/publishing.md); None without checks. After a dry run, what would be."""

    sequence: int
    replaced: str
    report: dict[str, Any] | None


class Publishing:
    """The part of `Client` that makes generations live."""

    _call: Callable[..., Any]

    def publish(
        self, collection: str, generation: str, expect: str | None = None, checks: PublishChecks | None = None
    ) -> PublishResult:
        """Makes a built generation the live one.

        expect: the label that must be live now ("" for none), else `live-generation-changed`.
        checks: what must hold, else `publish-refused` and nothing is changed.
        """
        request, is_checked = _request(collection, generation, expect, checks)
        return _result(self._call(request, None), is_checked)

    def publish_together(
        self, generations: Mapping[str, str], expect: Mapping[str, str] | None = None,
        checks: PublishChecks | Mapping[str, PublishChecks] | None = None,
    ) -> dict[str, PublishResult]:
        """Makes generations of several collections live in one step, all or none: {"items": "g7", "authors": "g3"}.

        expect: by collection, as of `publish`; a collection that is not named may have any. checks: for all of them, or by
        collection; every one must hold, else `publish-refused`. A dry run is one of all or of none. Results by collection,
        always with a report.
        """
        if not isinstance(generations, Mapping):
            raise bad(f"generations are {generations!r}, expected a mapping from collections to labels")
        whole(len(generations), "number of collections", 1, Limits.PUBLISHES)
        expected = _by_collection(expect or {}, generations, "expect")
        if checks is None or isinstance(checks, PublishChecks):
            own = dict.fromkeys(generations, checks)
        else:
            own = _by_collection(checks, generations, "checks")
        requests = [_request(name, label, expected[name], own[name])[0] for name, label in generations.items()]
        if len({request.dry_run for request in requests}) > 1:
            raise bad("dry_run is set for some collections and not for others; set it for all or for none")
        replies = self._call(p.PublishTogetherRequest(requests), None).publishes
        if len(replies) != len(requests):
            raise malformed(f"the daemon answered {len(replies)} publishes, expected {len(requests)}")
        return {name: _result(reply, True) for name, reply in zip(generations, replies)}

    def rollback(self, collection: str) -> p.RollbackReply:
        """Makes the generation live that was live before."""
        return self._call(p.RollbackRequest(collection), None)


def _request(
    collection: str, generation: str, expect: str | None, checks: PublishChecks | None
) -> tuple[p.PublishRequest, bool]:
    """The request, and whether it has options, which the reply to it follows."""
    if checks is not None and not isinstance(checks, PublishChecks):
        raise bad(f"checks are of type {type(checks).__name__}, expected vecd.PublishChecks")
    options = checks._options() if checks is not None else {}
    return p.PublishRequest(collection, generation, expect is not None, expect or "", **options), bool(options)


def _result(reply: p.PublishReply, is_checked: bool) -> PublishResult:
    if (reply.report is not None) != is_checked:
        raise malformed(f"the daemon sent {'no report of its checks' if is_checked else 'a report where nothing was checked'}")
    return PublishResult(reply.sequence, reply.replaced, None if reply.report is None else as_object(reply.report, "publish"))


def _by_collection(given: Any, names: Mapping[str, str], what: str) -> dict[str, Any]:
    """What is given for each of the collections, None for those that are not named."""
    if not isinstance(given, Mapping):
        raise bad(f"{what} is of type {type(given).__name__}, expected a mapping by collection")
    for name in given:
        if name not in names:
            raise bad(f"{what} names {name!r}, which is not among the collections to publish")
    return {name: given.get(name) for name in names}


def _queries(given: Any, what: str) -> p.Queries | None:
    if given is None:
        return None
    vectors = as_float32(as_vectors(given, what, (2,)), what)
    whole(len(vectors), f"number of {what}", 1, Limits.CHECK_QUERIES)
    return p.Queries(len(vectors), vectors.shape[1], vectors)
