"""Serve the champion, whichever version it is: `scripts/serve`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from revenue_model.listening import bind
from revenue_model.logs import configure
from revenue_model.serving.model_store import ModelStore, Refused, Unavailable
from revenue_model.serving.supervisor import ExperimentSettings, Supervisor


def main() -> int:
    options = _parse()
    try:
        configure()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    logging.getLogger("alembic").setLevel(logging.WARNING)
    folder = options.state / f"{options.name}-{options.port}"
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "http://127.0.0.1:5005"
    experiment = None
    if options.challenger is not None:
        experiment = ExperimentSettings(options.challenger, options.salt)
    with bind(options.host, options.port) as listener:  # the workers listen, not this process
        supervisor = Supervisor(
            ModelStore(uri, options.name, folder),
            listener,
            folder,
            workers=options.workers,
            poll_s=options.look_every,
            experiment=experiment,
        )
        try:
            asyncio.run(_until_stopped(supervisor))
        except (Unavailable, Refused) as error:
            print(f"error: {error}; there is nothing to serve.", file=sys.stderr)
            return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/serve", description=__doc__)
    parser.add_argument("--name", default="revenue", help="registered model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5002)
    parser.add_argument("--workers", type=int, default=2, help="processes that answer")
    parser.add_argument(
        "--look-every", type=float, default=2.0, help="seconds between looks at the alias"
    )
    parser.add_argument(
        "--challenger",
        type=_share,
        metavar="shadow|SHARE",
        help="ask the challenger, too: for every request in shadow, or for a share of users",
    )
    parser.add_argument("--salt", default="", help="another salt draws other users")
    parser.add_argument(
        "--state", type=Path, default=Path("var/serving"), help="where versions are kept"
    )
    options = parser.parse_args()
    if options.workers < 1:
        parser.error(f"argument --workers: must be 1 or more, got {options.workers}")
    options.state = options.state.resolve()
    return options


def _share(text: str) -> float:
    try:
        share = 0.0 if text == "shadow" else float(text)
    except ValueError:
        share = -1.0
    if text != "shadow" and not 0 < share < 1:
        raise argparse.ArgumentTypeError(
            f"must be 'shadow' or a share of users between 0 and 1, got {text!r}"
        )
    return share


async def _until_stopped(supervisor: Supervisor) -> None:
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    assert running
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
