"""What `scripts/bench` is asked to measure."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import __main__ as bench


@pytest.mark.parametrize(
    ("asked", "measured"),
    [([], list(bench.SECTIONS)), (["log", "batch"], ["log", "batch"])],
)
def test_all_sections_are_measured_unless_some_are_named(
    asked: list[str], measured: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[str] = []

    def section(name: str) -> SimpleNamespace:
        def measure(*_: object) -> dict[str, str]:
            called.append(name.removeprefix("bench."))
            return {}

        return SimpleNamespace(measure=measure, report=lambda _: [])

    monkeypatch.setattr(bench, "import_module", section)
    for name, path in [("ROOT", ""), ("STATE", "state"), ("PAGE", "benchmarks.md")]:
        monkeypatch.setattr(bench, name, tmp_path / path)
    monkeypatch.setattr(sys, "argv", ["bench", *asked])
    bench.main()
    assert called == measured
    assert [
        each for each in bench.SECTIONS if f"## {each.capitalize()}" in bench.PAGE.read_text()
    ] == measured
