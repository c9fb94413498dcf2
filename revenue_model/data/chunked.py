"""Tables in chunks: read, joined in little memory, and written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from pandas.api.types import union_categoricals

from revenue_model.data.table import Locator, check_table, check_unique, is_parquet, to_frame
from revenue_model.errors import CommandError, TableError, first_line
from revenue_model.model.schema import Schema

SUFFIXES = (".csv", ".parquet")
_CHUNK_ROWS = 100_000  # of Parquet
_CHUNK_BYTES = 8 << 20  # of CSV
_AS_TEXT: dict[str, Any] = {
    "strings_can_be_null": True,
    "quoted_strings_can_be_null": True,
    "null_values": [""],  # only an empty field is missing: ``na`` is Namibia
}


@dataclass
class Reader:
    """The chunks of a table and how far they have come; iterate once."""

    path: Path
    rows: int = 0  # in the chunks so far
    share: float = 0.0  # of the file, about

    def __iter__(self) -> Iterator[pa.Table]:
        """Raises `TableError` with the row that was reached when the file is damaged."""
        chunks = self._parquet if is_parquet(self.path) else self._csv
        try:
            with self.path.open("rb") as file:
                for batch in chunks(file):
                    self.rows += len(batch)
                    yield pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError) as error:
            after = f" after row {self.rows:,}" if self.rows else ""
            raise TableError(f"{self.path}: cannot be read{after}: {first_line(error)}.") from None
        if not self.rows:
            raise TableError(f"{self.path}: has a header but no rows.")

    def _parquet(self, file: BinaryIO) -> Iterator[pa.RecordBatch]:
        parquet = pq.ParquetFile(file)
        for batch in parquet.iter_batches(_CHUNK_ROWS):
            self.share = (self.rows + len(batch)) / parquet.metadata.num_rows
            yield batch

    def _csv(self, file: BinaryIO) -> Iterator[pa.RecordBatch]:
        """Every column as text, so that no later chunk can differ in its types."""
        read = pa.csv.ReadOptions(block_size=_CHUNK_BYTES)
        parse = pa.csv.ParseOptions(newlines_in_values=True)
        names = pa.csv.open_csv(file, read, parse).schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TableError(f"{self.path}: column '{twice[0]}' is there twice; rename one.")
        file.seek(0)
        types = dict.fromkeys(names, pa.string())
        convert = pa.csv.ConvertOptions(column_types=types, **_AS_TEXT)
        size = self.path.stat().st_size
        for batch in pa.csv.open_csv(file, read, parse, convert):
            self.share = file.tell() / size
            yield batch


def read_compact(path: str | Path, schema: Schema) -> pd.DataFrame:
    """What `read_table` reads of labelled installs, in a fraction of the memory.

    A text that comes again and again is stored once, as a category; ids lie end to end in
    Arrow's memory. Raises `TableError` naming file, column and first offending row.
    """
    return join_chunks(Reader(Path(path)), schema, Path(path))


def join_chunks(chunks: Iterable[pa.Table], schema: Schema, path: Path) -> pd.DataFrame:
    """`read_compact` of the table at `path`, which comes in chunks."""
    kinds = {"categorical": "category", "id": "string[pyarrow]"}
    types = {c.name: kinds[c.role] for c in schema.columns if c.role in kinds}
    parts: list[pd.DataFrame] = []
    rows_before = 0
    for chunk in chunks:
        frame = to_frame(chunk, schema, path)
        part = check_table(frame, schema, labelled=True, path=path, rows_before=rows_before)
        parts.append(part.astype({name: types[name] for name in part if name in types}))
        rows_before += len(chunk)
    columns = {}
    for name in list(parts[0]):
        pieces = [part.pop(name) for part in parts]
        if types.get(name) == "category":
            columns[name] = pd.Series(union_categoricals(pieces, sort_categories=True))
        else:
            columns[name] = pd.concat(pieces, ignore_index=True)
    table = pd.DataFrame(columns, copy=False)
    if schema.id in table:
        check_unique(table[schema.id], Locator(path, str(schema.id)))
    return table


@contextmanager
def writing(out: Path) -> Iterator[Callable[[pa.Table], None]]:
    """A function that appends a chunk to `out`, a CSV or Parquet file by its name.

    It is seen when the block has ended well (`partial_path`). Raises `CommandError` with the
    row that was reached when it cannot be written.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise CommandError(f"{out}: its name must end in {' or '.join(SUFFIXES)}.")
    if out.is_dir():
        raise CommandError(f"{out}: is a directory; give the name of a file in it.")
    writer: Any = None
    rows = 0

    def write(chunk: pa.Table) -> None:
        nonlocal writer, rows
        with _translate_errors(out, rows):
            if writer is None:
                kind = pa.csv.CSVWriter if out.suffix.lower() == ".csv" else pq.ParquetWriter
                writer = kind(str(part), chunk.schema)
            writer.write_table(chunk)
        rows += len(chunk)

    with ExitStack() as stack:
        with _translate_errors(out, rows):
            part = stack.enter_context(partial_path(out))
            part.touch()
        try:
            yield write
            with _translate_errors(out, rows):
                if writer is not None:
                    writer.close()
                stack.close()
        finally:
            with suppress(pa.ArrowException, OSError):
                if writer is not None:
                    writer.close()


@contextmanager
def _translate_errors(out: Path, rows: int) -> Iterator[None]:
    """What fails in here is a failure to write `out` after `rows` rows."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        left = "what stood there is untouched" if out.exists() else "nothing is left there"
        raise CommandError(
            f"{out}: cannot be written after row {rows:,} ({first_line(error)}); {left}."
        ) from None


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
