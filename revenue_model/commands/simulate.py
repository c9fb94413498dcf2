"""Write simulated installs to a Parquet file: the entry point `simulate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from revenue_model.commands.entry_point import Parameters, run_command
from revenue_model.data.simulate import write
from revenue_model.model.schema import DEFAULT_SCHEMA, Schema


@dataclass(frozen=True)
class SimulateParameters:
    """What is simulated, and where it goes."""

    rows: int = 20_000
    out: str = "var/installs.parquet"
    schema: str = str(DEFAULT_SCHEMA)
    seed: int = 7

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ValueError(f"rows is {self.rows}; give 1 or more.")


PARAMETERS = (SimulateParameters,)


def main(arguments: Sequence[str]) -> None:
    given = Parameters(arguments, *PARAMETERS).make(SimulateParameters)
    write(Schema.read(given.schema), given.rows, given.seed, Path(given.out))


if __name__ == "__main__":
    run_command(main)
