"""Fills the shelf from a click log: histories, features, titles and covers. What a feature pipeline does elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from recall.data import Clicks

from .shelf import Known, Shelf


def load(shelf: Shelf, log: Clicks) -> tuple[int, int]:
    """Returns how many users and cards were written."""
    return shelf.put_users(_users(log)), shelf.put_cards(_cards(log))


def _users(log: Clicks) -> Iterator[tuple[str, Known]]:
    items, times, offsets = log.item_ids[log.items].astype(str), log.times, log.offsets
    for row, user in enumerate(log.user_ids.tolist()):
        span = slice(offsets[row], offsets[row + 1])
        features = {name: one.values[one.codes[row]] for name, one in log.user_features.items()}
        yield str(user), Known(items[span].tolist(), times[span].tolist(), features)


def _cards(log: Clicks) -> Iterator[tuple[str, dict[str, str]]]:
    for item, card in zip(log.item_ids.astype(str).tolist(), log.cards()):
        if card:
            yield item, card
