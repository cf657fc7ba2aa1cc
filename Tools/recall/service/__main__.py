"""`python -m service --models DIR`: serves the application with uvicorn. `Tools/recall/serve --help` says more."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import uvicorn

from .app import make_app
from .recommender import TITLES, Settings

EXAMPLES = """examples:
  serve --models models                                                    two-tower by recall-dssm, multi-interest by recall-mind
  serve --models models --channel two-tower=recall-youtube-dnn --quota two-tower=0.8 --quota popular=0.2
  serve --models models --titles vecd                                      titles and covers as train-and-publish stored them
  curl -d '{"user": "42", "k": 20}' http://127.0.0.1:8000/recommend
"""


def main() -> None:
    made = argparse.ArgumentParser(prog="serve", description="The recall service over HTTP.", epilog=EXAMPLES,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--models", type=Path, default=Path("models"), help="folder of model versions (default ./models)")
    made.add_argument("--socket", help="of the daemon; else as vecctl finds it")
    made.add_argument("--redis", default="redis://127.0.0.1:6379/0", metavar="URL")
    made.add_argument("--titles", choices=TITLES, default="redis", help="where titles and covers come from (default redis)")
    made.add_argument("--channel", action="append", default=[], metavar="NAME=COLLECTION")
    made.add_argument("--quota", action="append", default=[], metavar="NAME=SHARE")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=8000)
    given = made.parse_args()
    default = Settings(given.models)
    try:
        channels = dict(pair.split("=", 1) for pair in given.channel) or default.channels
        quotas = {name: float(share) for name, share in (pair.split("=", 1) for pair in given.quota)} or default.quotas
    except ValueError:
        made.error("--channel is NAME=COLLECTION, --quota is NAME=SHARE")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings(given.models, given.socket, given.redis, channels, quotas, titles=given.titles)
    uvicorn.run(make_app(settings), host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
