"""Click logs: one form in memory (`clicks`), readers of published forms, a seeded generator."""

from .clicks import Clicks, Feature
from .find import open_clicks

__all__ = ["Clicks", "Feature", "open_clicks"]
