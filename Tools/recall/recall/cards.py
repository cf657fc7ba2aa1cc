"""What is shown of an item, its card: title and cover, as a payload of vecd: {"title": "...", "cover": "..."}, either or both."""

from __future__ import annotations

import json

NAMES = ("title", "cover")


def to_payload(card: dict[str, str]) -> bytes | None:
    return json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode("utf-8") if card else None


def from_payload(payload: bytes) -> dict[str, str]:
    """Empty for payloads that hold something else: a collection may have been filled by other programs too."""
    try:
        found = json.loads(payload) if payload else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name in NAMES if _is_text(found.get(name))}


def _is_text(value: object) -> bool:
    """JSON can write lone surrogates, the UTF-8 of an answer cannot."""
    return isinstance(value, str) and value != "" and not any("\ud800" <= one <= "\udfff" for one in value)
