"""Tables for people: one per kind of round."""

from __future__ import annotations

from dvmslab.report import table

from .rounds import FaultRound, Repair
from .verdict import CHECKERS

CHECKER_HEADS = [name.upper() for name in CHECKERS]


def seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f} s"


def milliseconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f} ms"


def repairs(rows: list[tuple[str, Repair | None]]) -> str:
    """Rounds in which nothing was broken. A round without a result came to no end."""
    head = ["ROUND", "MOVED", "UNTIL COPY", "COPY", "UNTIL APART", "UNTIL QUIET", "LONGEST GAP", "STOPPED",
            *CHECKER_HEADS, "RESULT"]
    cells: list[list[object]] = []
    for name, done in rows:
        if done is None:
            cells.append([name, *[None] * (len(head) - 2), "FAILED"])
            continue
        cells.append([name, ", ".join(move.way for move in done.moves), seconds(done.seen_seconds),
                      _largest(seconds, [move.copy_seconds for move in done.moves]), seconds(done.moved_seconds),
                      seconds(done.quiet_seconds),
                      _largest(milliseconds, [move.longest_gap_ms for move in done.moves]),
                      _largest(milliseconds, [move.stopped_ms for move in done.moves]), *done.verdict.cells(),
                      "FAILED" if done.problems or not done.verdict.holds else "ok"])
    return table(head, cells)


def _largest(unit, values: list[float | None]) -> str | None:
    known = [value for value in values if value is not None]
    return unit(max(known)) if known else None


def faults(rows: list[tuple[str, str, FaultRound | None]]) -> str:
    head = ["ROUND", "FAULT", "COPY", "JOB THEN", "LEFT THEN", "LATER", *CHECKER_HEADS, "IN DOUBT", "SETTLED", "MENDED",
            "MOVED", "LONGEST GAP", "STOPPED", "NEXT OVERLOAD", "ITS COPY", "RESULT"]
    cells: list[list[object]] = []
    for number, name, done in rows:
        if done is None:
            cells.append([number, name, *[None] * (len(head) - 3), "FAILED"])
            continue
        repair = done.next_repair
        cells.append([number, name, f"{done.copy.vm} {done.copy.source}→{done.copy.destination}", done.copy.job.state,
                      f"{done.copy.job.remaining_mib:.1f} MiB", done.seen or None, *done.verdict.cells(),
                      " ".join(sorted(done.verdict.in_doubt)) or None, seconds(done.settled_seconds),
                      seconds(done.mended_seconds), "moved" if done.move else "stayed",
                      milliseconds(done.longest_gap_ms), milliseconds(done.stopped_ms),
                      seconds(repair.seen_seconds + repair.moved_seconds),
                      _largest(seconds, [move.copy_seconds for move in repair.moves]),
                      "FAILED" if done.failures else "ok"])
    return table(head, cells)
