"""Channels into one list without duplicates, each with its quota."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Candidate:
    """An item as a channel found it. `also`: other channels that had it too. `payload`: what came with it, None if not asked."""

    item: str
    channel: str
    score: float | None = None
    interest: int | None = None
    also: list[str] = field(default_factory=list)
    payload: bytes | None = None


def merge(channels: dict[str, list[Candidate]], quotas: dict[str, float], k: int) -> list[Candidate]:
    """At most k candidates. At any point of the list the channels have had places in proportion to their quotas, as far as they
    have items; what a channel cannot fill goes to the others. An item belongs to the channel whose turn it was; a
    channel of quota 0 fills what the others leave.

    The next turn is that of the channel with the smallest (places + 1) / quota: for quotas 0.5, 0.3, 0.2 the list begins
    a b a c a b ..., so that a cut at any length is fair too.
    """
    places = {name: 0 for name in channels}
    next_of = {name: 0 for name in channels}
    chosen: dict[str, Candidate] = {}
    order = list(channels)

    def turn(name: str) -> tuple[bool, float, int]:
        quota = quotas.get(name, 0.0)
        return (quota <= 0, (places[name] + 1) / quota if quota > 0 else places[name], order.index(name))

    while len(chosen) < k:
        for name in channels:  # past what is taken already
            while next_of[name] < len(channels[name]) and channels[name][next_of[name]].item in chosen:
                next_of[name] += 1
        ready = [name for name in order if next_of[name] < len(channels[name])]
        if not ready:
            break
        name = min(ready, key=turn)
        candidate = channels[name][next_of[name]]
        chosen[candidate.item] = candidate
        places[name] += 1
    for name, found in channels.items():
        for candidate in found:
            owner = chosen.get(candidate.item)
            if owner is not None and owner.channel != name:
                owner.also.append(name)
    return list(chosen.values())
