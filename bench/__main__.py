"""`scripts/bench`: measures what is asked for and writes docs/benchmarks.md.

Results are kept under var/bench/results, so sections may be measured one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from bench.prepare import ROOT, STATE

SECTIONS = ("serving", "log", "outage", "batch", "training")
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        choices=[*SECTIONS, []],  # none is the empty list
        metavar="SECTION",
        help=f"of {', '.join(SECTIONS)}; all by default",
    )
    parser.add_argument("--rounds", type=int, default=5, help="repeats of everything")
    parser.add_argument("--seconds", type=float, default=3, help="of each question to a server")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of log, batch and training")
    parser.add_argument("--minutes", type=float, default=5, help="of the outage")
    parser.add_argument("--large", action="store_true", help="scaling up to ten times --rows")
    parser.add_argument("--data", default="", help="installs that the champion is trained on")
    options = parser.parse_args()
    os.environ |= {
        "OMP_WAIT_POLICY": "passive",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "BENCH_DATA": options.data,
    }
    os.environ.pop("REVENUE_PREDICTION_LOG", None)
    folder = STATE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    given = {"serving": (options.rounds, options.seconds), "outage": (options.minutes,)}
    for section in options.sections or SECTIONS:
        asked = given.get(section, (options.rounds, options.rows, options.large))
        results = import_module(f"bench.{section}").measure(*asked)
        found = {"machine": machine(), "rounds": options.rounds, "results": results}
        (folder / f"{section}.json").write_text(json.dumps(found, indent=1))
    PAGE.write_text(page(folder), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}.")


def machine() -> str:
    """Where and when, in a line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x.partition(":")[2].strip() for x in info.read_text().splitlines() if "name" in x]
        model = names[0] if names else model
    load = os.getloadavg()[0]
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    python = platform.python_version()
    return f"{os.cpu_count()} x {model}, load {load:.1f} at the end, Python {python}, {at}"


def page(folder: Path) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `scripts/bench`, which measures all contenders in turns on one machine, so",
        "that a slow minute hits all of them. Compare ratios; milliseconds are of the machine.",
        "Each peer has an environment of its own with the versions of its day.",
    ]
    for section in SECTIONS:
        path = folder / f"{section}.json"
        if path.exists():
            found = json.loads(path.read_text())
            lines += ["", f"## {section.capitalize()}", ""]
            rounds = "" if section == "outage" else f"; {found['rounds']} rounds"
            lines += [f"{found['machine']}{rounds}.", ""]
            lines += import_module(f"bench.{section}").report(found["results"])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
