"""What a plain install of this package leaves out: the extras of pyproject.toml."""

from __future__ import annotations

from importlib.util import find_spec


def require(extra: str, *modules: str) -> None:
    """Raise an `ImportError` that says what to install where one of `modules` is not there."""
    absent = [module for module in modules if find_spec(module) is None]
    if absent:
        raise ModuleNotFoundError(
            f"{', '.join(absent)} not found: run `pip install 'revenue-model[{extra}]'`."
        )
