"""Files and folders that are seen only when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def partial_path(out: Path) -> Iterator[Path]:
    """The path beside `out` at which the block writes a file or a folder.

    When the block ends well, what it wrote takes the name `out`. Else it is removed, and
    what stood at `out` stands there still.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part, old = out.with_name(out.name + ".part"), out.with_name(out.name + ".old")
    try:
        yield part
        if part.is_dir():  # a folder cannot replace anything at once
            if out.exists():
                out.rename(old)
            part.rename(out)
            _remove(old)
        else:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(out)
    finally:
        _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
