"""What is written takes its place whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from revenue_model.data.partial import partial_path


@pytest.mark.parametrize("stood", ["nothing", "a file"])
def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path, stood: str) -> None:
    out = tmp_path / "new" / "table.csv"
    if stood == "a file":
        out.parent.mkdir()
        out.write_text("the last one")
    with partial_path(out) as part:
        part.write_text("half")
        assert not out.exists() or out.read_text() == "the last one"
    assert out.read_text() == "half"
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("stood", ["nothing", "a file", "a folder"])
def test_a_folder_takes_the_place_of_what_stood_there(tmp_path: Path, stood: str) -> None:
    out = tmp_path / "table.parquet"
    if stood == "a file":
        out.write_text("the last one")
    elif stood == "a folder":
        out.mkdir()
        (out / "old").touch()
    with partial_path(out) as part:
        part.mkdir()
        (part / "new").touch()
    assert list(tmp_path.iterdir()) == [out]
    assert list(out.iterdir()) == [out / "new"]


@pytest.mark.parametrize("folder", [False, True])
def test_after_a_failure_what_stood_there_stands_there_still(
    tmp_path: Path, folder: bool
) -> None:
    out = tmp_path / "table.csv"
    out.write_text("the last one")

    def fail() -> None:
        with partial_path(out) as part:
            if folder:
                part.mkdir()
            else:
                part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_text() == "the last one"
