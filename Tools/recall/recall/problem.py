"""The one exception that a user of the pipeline is meant to see."""


class Problem(Exception):
    """What is wrong, where, and what would be right, in one line."""
