"""What people read: tables, bars, colours where there is a terminal."""

from __future__ import annotations

import os
import sys

BAR_CELLS = 30


class Paint:
    """Colours, or nothing where nobody would see them."""

    def __init__(self) -> None:
        self.is_on = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def _code(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_on else text

    def bold(self, text: str) -> str:
        return self._code("1", text)

    def faint(self, text: str) -> str:
        return self._code("2", text)

    def good(self, text: str) -> str:
        return self._code("32", text)

    def bad(self, text: str) -> str:
        return self._code("31", text)

    def busy(self, text: str) -> str:
        return self._code("33", text)

    def name(self, text: str, number: int) -> str:
        """One of six colours that tell names apart."""
        return self._code(str(31 + number % 6), text)


def table(head: list[str], rows: list[list[object]]) -> str:
    """Numbers to the right, words to the left."""
    texts = [head, *([("-" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    right = [bool(rows) and all(isinstance(row[column], (int, float)) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) if is_right else cell.ljust(width)
                  for cell, width, is_right in zip(row, widths, right)).rstrip() for row in texts)


def bar(percent: int, threshold: int) -> str:
    """A load as a bar of which the end is 120 %, with a mark at the threshold."""
    cells = [("█" if 120 * cell < percent * BAR_CELLS else "·") for cell in range(BAR_CELLS)]
    mark = threshold * BAR_CELLS // 120
    return "".join(cells[:mark]) + "│" + "".join(cells[mark:])
