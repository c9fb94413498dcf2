"""The lines of a journal in pieces, each read before it is stored."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from revenue_model.prediction_log.journal import Header
from revenue_model.prediction_log.reader import Lines, parse

_READ_BYTES = 1 << 20  # what is parsed of a journal at a time, but for a longer line
_LINE_BYTES = 8 << 20  # more is no line
_COMMIT_BYTES = 8 << 20


@dataclass(frozen=True)
class Piece:
    """Some lines of a journal, and what is read of them."""

    block: bytes
    position: int
    lines: Lines | ValueError  # why they are none

    @classmethod
    def of(cls, block: bytes, position: int, header: Header) -> Self:
        try:
            return cls(block, position, parse(block, header))
        except ValueError as error:
            return cls(block, position, error)

    def halves(self, header: Header) -> tuple[Self, Self] | None:
        """The same lines in two pieces; None for a single line."""
        half = len(self.block) // 2
        middle = self.block.find(b"\n", half) + 1
        if middle in (0, len(self.block)):
            middle = self.block.rfind(b"\n", 0, half) + 1
        if not middle:
            return None
        return (
            self.of(self.block[:middle], self.position, header),
            self.of(self.block[middle:], self.position + middle, header),
        )


def pieces(
    file: io.BufferedReader, start: int, size: int, complete: bool, header: Header
) -> Iterator[Piece]:
    """The lines from `start` on, as many as one transaction stores.

    Each piece but the first is read while the caller works on the one before.
    """
    found = _pieces(file, start, size, complete, header)
    piece = next(found, None)
    with ThreadPoolExecutor(1, "parser") as parser:
        while piece:
            following = parser.submit(next, found, None)
            yield piece
            piece = following.result()


def _pieces(
    file: io.BufferedReader, start: int, size: int, complete: bool, header: Header
) -> Iterator[Piece]:
    position = start
    while position - start < _COMMIT_BYTES:
        block = read_lines(file, position, size, complete)
        if not block:
            return
        yield Piece.of(block, position, header)
        position += len(block)


def read_lines(file: io.BufferedReader, start: int, size: int, complete: bool) -> bytes:
    """Whole lines from `start` on; the last may be half a line if nothing will be added."""
    for max_bytes in (_READ_BYTES, _LINE_BYTES):
        file.seek(start)
        block = file.read(min(max_bytes, max(size - start, 0)))
        at_end = complete and start + len(block) >= size
        end = len(block) if at_end else block.rfind(b"\n") + 1
        if end or len(block) < max_bytes:
            return block[:end]
    return block
