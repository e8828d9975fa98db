"""Reads what daemons wrote into their journals, after they have ended."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from .grants import Grant
from .programs import RingError

FILE = "journal.sqlite"
# Facts of an event are one text: pairs, each with a name and a value.
BETWEEN_PAIRS = "\x1e"
WITHIN_PAIR = "\x1f"


@dataclass(frozen=True)
class Event:
    node: str
    wall_ms: int
    kind: str
    isp: str | None
    vm: str | None
    text: str
    facts: dict[str, str]


@dataclass(frozen=True)
class Isp:
    """One ISP in figures; those that belong to its end are None when it was not seen to end."""

    isp: str
    reason: str
    outcome: str | None
    detail: str | None
    took_ms: int | None
    members_peak: int | None
    nodes_asked: int | None
    hops: int | None
    sweeps: int | None
    messages: int | None
    solves: int | None
    solve_us: int | None
    migrations: int | None
    moved_mib: int | None

    @property
    def node(self) -> str:
        return self.isp.split("#")[0]


@dataclass(frozen=True)
class Migration:
    isp: str
    vm: str
    source: str
    destination: str
    started_ms: int  # wall clock
    took_ms: int | None
    result: str | None


@dataclass(frozen=True)
class Journal:
    """The history of one node."""

    node: str
    events: list[Event]
    isps: list[Isp]
    migrations: list[Migration]

    @classmethod
    def read(cls, node: str, state: Path) -> "Journal":
        """The journal in a daemon's state folder."""
        path = state / FILE
        try:
            database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            try:
                return cls(node, _events(database, node), _isps(database), _migrations(database))
            finally:
                database.close()
        except sqlite3.Error as error:
            raise RingError(f"the journal {path} cannot be read: {error}") from None

    def grants(self) -> list[Grant]:
        """Every time this node was held, by its own word; one that never ended has no end."""
        found: list[Grant] = []
        begun: dict[str, tuple[str, int]] = {}
        for event in self.events:
            if event.kind == "node_granted":
                begun[event.facts["epoch"]] = (event.isp or "", int(event.facts["monotonic_ns"]))
            elif event.kind == "node_released":
                epoch = event.facts["epoch"]
                if epoch not in begun:
                    raise RingError(f"{self.node} tells the end of epoch {epoch}, but not its beginning")
                isp, granted = begun.pop(epoch)
                found.append(Grant(self.node, isp, epoch, granted, int(event.facts["monotonic_ns"])))
        found += [Grant(self.node, isp, epoch, granted, None) for epoch, (isp, granted) in begun.items()]
        return sorted(found, key=lambda grant: grant.granted_ns)


def _events(database: sqlite3.Connection, node: str) -> list[Event]:
    rows = database.execute("SELECT wall_ms, kind, isp, vm, text, facts FROM event ORDER BY sequence")
    return [Event(node, *row, _facts(facts)) for *row, facts in rows]


def _facts(text: str) -> dict[str, str]:
    pairs = [pair.partition(WITHIN_PAIR) for pair in text.split(BETWEEN_PAIRS) if pair]
    return {name: value for name, _, value in pairs}


def _isps(database: sqlite3.Connection) -> list[Isp]:
    return [Isp(*row) for row in database.execute(
        "SELECT isp, reason, outcome, detail, took_ms, members_peak, nodes_asked, hops, sweeps, messages, solves, "
        "solve_us, migrations, moved_mib FROM isp ORDER BY number")]


def _migrations(database: sqlite3.Connection) -> list[Migration]:
    return [Migration(*row) for row in database.execute(
        "SELECT isp, vm, from_node, to_node, started_ms, took_ms, result FROM migration ORDER BY number")]
