"""What a version needs, against what is installed here."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from revenue_model.serving.model_store import (
    Refused,
    fit_together,
    missing_packages,
    python_for,
)

HERE = f"numpy=={version('numpy')}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text(f"{HERE}\nmlflow>=3\n")
    return tmp_path


def needing(folder: Path, requirement: str) -> Path:
    other = folder / "other"
    other.mkdir()
    (other / "requirements.txt").write_text(f"{HERE}\n{requirement}\n")
    return other


def test_packages_of_another_version_and_packages_not_here_are_named(folder: Path) -> None:
    assert missing_packages(folder) == []
    other = needing(folder, "numpy==1.0\nno-such-package")
    assert missing_packages(other) == [
        f"numpy==1.0 (here {version('numpy')})",
        "no-such-package (not here)",
    ]


def test_versions_fit_together_when_one_environment_has_what_both_need(folder: Path) -> None:
    other = needing(folder, "mlflow<3")
    assert fit_together(folder, folder)
    assert fit_together(other, other)
    assert not fit_together(folder, other)


def test_a_version_for_which_no_environment_can_be_made_is_refused(folder: Path) -> None:
    with pytest.raises(Refused, match=r"needs mlflow<3 \(here .*no environment of its own"):
        python_for(needing(folder, "mlflow<3"))
