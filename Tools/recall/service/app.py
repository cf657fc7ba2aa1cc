"""HTTP around the recommender: an ASGI application.

    POST /recommend    {"user": "42"} or {"history": [{"item": "7", "time": 1700000000}, ...]}, and "k", "quotas", "features"
    GET  /health       the model version of each channel; 503 until all have one
    GET  /             a page that shows a user's history beside what each channel recalls, and why
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import vecd
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from recall.store import Store

from .recommender import MOST, Recommender, Settings, Unavailable, Wish
from .shelf import NEWEST_KEPT, Known

log = logging.getLogger("recall.service")
MOST_BYTES = 1 << 20
PAGE = Path(__file__).with_name("page.html")


def make_app(settings: Settings, open_store: Callable[[str], Store] | None = None) -> Starlette:
    """open_store: where candidates come from instead of the daemon; see Recommender."""
    recommender = Recommender(settings, open_store)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette):
        await run_in_threadpool(recommender.refresh)
        watcher = asyncio.create_task(_watch(recommender, settings.poll_seconds))
        yield
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher

    async def recommend(request: Request) -> JSONResponse:
        try:
            wish = read_wish(await _body(request))
        except ValueError as error:
            return _failure(400, str(error))
        try:
            return JSONResponse(await run_in_threadpool(recommender.recommend, wish))
        except Unavailable as error:
            return _failure(503, str(error))
        except vecd.VecdError as error:
            return _failure(503, f"vecd: {error}")

    async def health(request: Request) -> JSONResponse:
        state = recommender.health()
        return JSONResponse(state, 200 if state["ready"] else 503)

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))

    routes = [Route("/recommend", recommend, methods=["POST"]), Route("/health", health), Route("/", page)]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.recommender = recommender
    return app


async def _watch(recommender: Recommender, seconds: float) -> None:
    """Follows what is live. A daemon that is away is asked again; requests are answered by what is loaded."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await run_in_threadpool(recommender.refresh)
        except Exception as error:
            log.warning("could not look for a new version: %s", error)


async def _body(request: Request) -> Any:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise ValueError(f"the body is over {MOST_BYTES} bytes")
    try:
        return json.loads(content)
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None


def read_wish(body: Any) -> Wish:
    """A request's JSON, or a ValueError that says what is wrong and what would be right."""
    if not isinstance(body, dict):
        raise ValueError("the body is not an object; expected one with user or history")
    unknown = set(body) - {"user", "history", "features", "k", "quotas", "now"}
    if unknown:
        raise ValueError(f"{sorted(unknown)[0]!r} is not known; there are user, history, features, k, quotas, now")
    if ("user" in body) == ("history" in body):
        raise ValueError("give either user or history")
    if "features" in body and "user" in body:
        raise ValueError("features go with history; those of a user are fetched")
    k = body.get("k", 100)
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MOST:
        raise ValueError(f"k is {k!r}, expected a whole number from 1 to {MOST}")
    quotas = body.get("quotas")
    if quotas is not None and not (isinstance(quotas, dict) and all(map(_is_share, quotas.values())) and any(quotas.values())):
        raise ValueError("quotas is no object of channel names and shares, at least one above 0")
    now = body.get("now")
    if now is not None and not _is_share(now):
        raise ValueError("now is no number of seconds since 1970")
    wish = partial(Wish, k=k, quotas=quotas, now=now)
    if "user" in body:
        if not isinstance(body["user"], (str, int)) or isinstance(body["user"], bool) or len(str(body["user"])) > 256:
            raise ValueError("user is neither a text of up to 256 characters nor a number")
        return wish(user=str(body["user"]))
    return wish(history=_history(body["history"], body.get("features", {})))


def _history(clicks: Any, features: Any) -> Known:
    if not isinstance(clicks, list) or len(clicks) > NEWEST_KEPT:
        raise ValueError(f"history is no list of up to {NEWEST_KEPT} clicks, oldest first")
    if not isinstance(features, dict):
        raise ValueError("features is no object of names and values")
    items, times = [], []
    for number, click in enumerate(clicks):
        one = click if isinstance(click, dict) else {"item": click}
        item, when = one.get("item"), one.get("time", 0.0)
        if not isinstance(item, (str, int)) or isinstance(item, bool) or not _is_share(when):
            raise ValueError(f"history[{number}] is neither an item id nor an object of item and time")
        items.append(str(item))
        times.append(float(when))
    return Known(items, times, {str(name): str(value) for name, value in features.items()})


def _is_share(value: Any) -> bool:
    """A finite number, 0 or more. JSON of Python reads NaN and Infinity."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e15


def _failure(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message}}, status)
