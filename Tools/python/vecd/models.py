"""Which model made the vectors of a generation, what a collection is set to do about it, and the queries that it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import protocol as p
from .arrays import bad, choose, ratio, whole
from .wire import IdKind, Limits, ModelPolicy, malformed
from .writes import send_again

if TYPE_CHECKING:
    from .client import Client


@dataclass
class Generation(p.Generation):
    """One line of `generations()`. Times are milliseconds since 1970, -1 for never; build_progress -1 when none runs.

    model: the version of the model that made the vectors; None for none.
    """

    model: str | None = None


class Models:
    """The part of `Client` that tells of collections and their generations, and sets what searches do."""

    _call: Callable[..., Any]

    def describe(self, collection: str) -> dict[str, Any]:
        """What a collection is: its dimension, its metric, what its items are known by ("number" or "string"), its attributes
        as dicts of name and type, and what `configure` has set."""
        reply: p.DescribeReply = self._call(p.DescribeRequest(collection))
        return {
            "collection": collection, "dimension": reply.dimension, "metric": reply.metric.name.lower(),
            "ids": (reply.ids or IdKind.NUMBER).name.lower(),
            "attributes": [{"name": own.name, "type": own.type.label} for own in reply.attributes],
            "model_policy": (reply.model_policy or ModelPolicy.REFUSE).name.lower(),
            "captured_queries": reply.captured_queries or 0, "gauge_share": reply.gauge_share or 0.0,
        }

    def configure(
        self, collection: str, model_policy: ModelPolicy | str | None = None, captured_queries: int | None = None,
        gauge_share: float | None = None,
    ) -> None:
        """Sets what a collection does from now on. What is not given stays as it is.

        model_policy: what becomes of a search that states another model version than the generation's. "refuse" (as without
            ever setting it): `model-mismatch`; "route": the generation of that model that went live last answers;
            "count": it is answered all the same, and `stats` counts it.
        captured_queries: how many real queries the daemon keeps; 0 also forgets those that it has.
        gauge_share: share of search requests of which one query is searched exactly besides, 0 to 1.
        """
        if model_policy is None and captured_queries is None and gauge_share is None:
            raise bad("there is nothing to set; pass model_policy, captured_queries or gauge_share")
        request = p.ConfigureRequest(
            collection,
            None if model_policy is None else choose(ModelPolicy, model_policy, "model_policy"),
            None if captured_queries is None else whole(captured_queries, "captured_queries", 0, Limits.CAPTURED_QUERIES),
            None if gauge_share is None else ratio(gauge_share, "gauge_share"),
        )
        client: Client = self  # type: ignore[assignment]
        send_again(client, request, client.timeout)  # set twice it is as set once

    def captured_queries(self, collection: str, generation: str | None = None) -> np.ndarray:
        """(n, d) float32, oldest first: the queries that the daemon keeps of generations with the model version of this one,
        the live one if not named. Each interest of a search is a row of its own."""
        reply: p.CapturedQueriesReply = self._call(p.CapturedQueriesRequest(collection, generation or ""))
        return reply.vectors.reshape(reply.count, reply.dimension).astype(np.float32)

    def generations(self, collection: str) -> list[Generation]:
        """All generations, oldest first."""
        reply: p.GenerationsReply = self._call(p.GenerationsRequest(collection, True))
        if reply.models is None and reply.generations:
            raise malformed("the daemon told no model versions of generations")
        return [Generation(**vars(own), model=model or None) for own, model in zip(reply.generations, reply.models or ())]
