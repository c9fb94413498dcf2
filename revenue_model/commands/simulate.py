"""Write simulated installs to a Parquet file: the entry point `simulate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from revenue_model.commands.command import run_command
from revenue_model.data.simulate import write
from revenue_model.model.schema import Schema


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--schema", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.rows < 1:
        parser.error(f"argument --rows: expected at least 1, got {options.rows}")
    write(Schema.read(options.schema), options.rows, options.seed, options.out)


if __name__ == "__main__":
    run_command(main)
