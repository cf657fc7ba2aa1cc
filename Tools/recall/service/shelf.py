"""What Redis holds for the service: histories and features of users, titles and covers of items.

    recall:history:USER   list of "item time", oldest first (time: seconds since 1970)
    recall:user:USER      hash of the user's features
    recall:item:ITEM      hash of title and cover
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import redis

NEWEST_KEPT = 1000


@dataclass(frozen=True)
class Known:
    """Of a user. items: ids as text, oldest first; times beside them."""

    items: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    features: dict[str, str] = field(default_factory=dict)


class Shelf:
    def __init__(self, url: str, timeout: float = 0.5) -> None:
        self._redis = redis.Redis.from_url(url, decode_responses=True, socket_timeout=timeout, socket_connect_timeout=timeout)

    def user(self, user: str) -> Known:
        """Empty for a user that nobody knows."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.lrange(f"recall:history:{user}", -NEWEST_KEPT, -1)
        pipe.hgetall(f"recall:user:{user}")
        clicks, features = pipe.execute()
        pairs = [click.rsplit(" ", 1) for click in clicks]
        return Known([pair[0] for pair in pairs], [float(pair[1]) for pair in pairs], features)

    def cards(self, items: list[str]) -> dict[str, dict[str, str]]:
        """Title and cover by item; items without a card are left out."""
        if not items:
            return {}
        pipe = self._redis.pipeline(transaction=False)
        for item in items:
            pipe.hgetall(f"recall:item:{item}")
        return {item: card for item, card in zip(items, pipe.execute()) if card}

    def put_users(self, users: Iterable[tuple[str, Known]]) -> int:
        """Replaces what is known of each user; returns how many there were."""
        count, pipe = 0, self._redis.pipeline(transaction=False)
        for user, known in users:
            pipe.delete(f"recall:history:{user}", f"recall:user:{user}")
            if known.items:
                clicks = [f"{item} {time:.3f}" for item, time in zip(known.items, known.times)]
                pipe.rpush(f"recall:history:{user}", *clicks[-NEWEST_KEPT:])
            if known.features:
                pipe.hset(f"recall:user:{user}", mapping=known.features)
            count += 1
            if count % 1000 == 0:
                pipe.execute()
        pipe.execute()
        return count

    def put_cards(self, cards: Iterable[tuple[str, dict[str, str]]]) -> int:
        count, pipe = 0, self._redis.pipeline(transaction=False)
        for item, card in cards:
            pipe.hset(f"recall:item:{item}", mapping=card)
            count += 1
            if count % 5000 == 0:
                pipe.execute()
        pipe.execute()
        return count
