"""When each node was held by which ISP, as text lines, and the proof that partitions were disjoint at every instant.

A line is one grant, by the word of the node that was held:

    NODE ISP EPOCH GRANTED RELEASED

GRANTED and RELEASED are nanoseconds of one clock of the machine; RELEASED is `-` when the grant never ended. Empty lines
and what follows a `#` at the start of a line are passed over. The checker knows nothing of DVMS but these lines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

ISP = re.compile(r"([a-zA-Z0-9._-]{1,63})#\d+\.\d+")


class GrantsError(Exception):
    """A line that is none, with its place."""


@dataclass(frozen=True)
class Grant:
    """One node, held by one ISP from `granted_ns` up to, and without, `released_ns`."""

    node: str
    isp: str
    epoch: str
    granted_ns: int
    released_ns: int | None  # None: it never ended

    @property
    def initiator(self) -> str:
        return self.isp.split("#")[0]

    @property
    def end(self) -> float:
        return float("inf") if self.released_ns is None else self.released_ns

    def line(self) -> str:
        released = "-" if self.released_ns is None else self.released_ns
        return f"{self.node} {self.isp} {self.epoch} {self.granted_ns} {released}"

    @classmethod
    def parse(cls, line: str, place: str) -> "Grant":
        words = line.split()
        if len(words) != 5:
            raise GrantsError(f"{place}: expected NODE ISP EPOCH GRANTED RELEASED, got {len(words)} words")
        node, isp, epoch, granted, released = words
        if not ISP.fullmatch(isp):
            raise GrantsError(f"{place}: {isp} is no ISP, which is node#boot.sequence")
        if not granted.isdigit() or not (released == "-" or released.isdigit()):
            raise GrantsError(f"{place}: {granted} and {released} are no times in nanoseconds")
        return cls(node, isp, epoch, int(granted), None if released == "-" else int(released))


def parse(text: str, name: str) -> list[Grant]:
    """The grants of one log. Raises GrantsError at the first line that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            found.append(Grant.parse(line, f"{name}:{number}"))
    return found


def faults(grants: Iterable[Grant]) -> list[str]:
    """Everything that must not be in these grants, in words; empty when the partitions were disjoint throughout."""
    grants = list(grants)
    return [*_backwards(grants), *_held_twice(grants), *_epochs_used_again(grants), *_before_their_isp(grants)]


def _backwards(grants: list[Grant]) -> list[str]:
    return [f"{grant.node}: the grant to {grant.isp} ends at {grant.released_ns}, before it begins at "
            f"{grant.granted_ns}" for grant in grants if grant.end < grant.granted_ns]


def _held_twice(grants: list[Grant]) -> list[str]:
    """At every instant a node is held by one ISP at most: of the grants of a node in the order of their beginnings,
    none begins before all those before it have ended."""
    found = []
    for node, own in _by(grants, "node").items():
        last: Grant | None = None
        for grant in sorted(own, key=lambda grant: (grant.granted_ns, grant.end)):
            if last is not None and grant.granted_ns < last.end:
                until = min(last.end, grant.end)
                length = "for ever" if until == float("inf") else f"for {(until - grant.granted_ns) / 1e6:.3f} ms"
                found.append(f"{node}: held by {last.isp} and by {grant.isp} at {grant.granted_ns}, {length}")
            if last is None or grant.end > last.end:
                last = grant
    return found


def _epochs_used_again(grants: list[Grant]) -> list[str]:
    found = []
    for node, own in _by(grants, "node").items():
        seen: dict[str, str] = {}
        for grant in own:
            if grant.epoch in seen:
                found.append(f"{node}: epoch {grant.epoch} was minted for {seen[grant.epoch]} and for {grant.isp}")
            seen[grant.epoch] = grant.isp
    return found


def _before_their_isp(grants: list[Grant]) -> list[str]:
    """An ISP reserves its own node, once, and only then others."""
    found = []
    for isp, members in _by(grants, "isp").items():
        own = [grant for grant in members if grant.node == grant.initiator]
        if len(own) != 1:
            found.append(f"{isp}: its own node was granted to it {len(own)} times")
            continue
        found += [f"{isp}: {grant.node} was granted to it before its own node" for grant in members
                  if grant.granted_ns < own[0].granted_ns]
    return found


def _by(grants: list[Grant], key: str) -> dict[str, list[Grant]]:
    groups: dict[str, list[Grant]] = defaultdict(list)
    for grant in grants:
        groups[getattr(grant, key)].append(grant)
    return groups


@dataclass(frozen=True)
class Extent:
    """How much there was to be disjoint."""

    instants: int  # at which some partition changed
    isps_peak: int  # partitions at the same instant
    nodes_peak: int  # nodes in one partition at the same instant
    held_peak: int  # nodes held at the same instant


def extent(grants: Iterable[Grant]) -> Extent:
    """Goes through every instant at which a grant began or ended, in order."""
    changes: dict[float, list[tuple[int, str]]] = defaultdict(list)
    for grant in grants:
        changes[grant.granted_ns].append((1, grant.isp))
        if grant.released_ns is not None:
            changes[grant.released_ns].append((-1, grant.isp))
    sizes: dict[str, int] = defaultdict(int)
    isps_peak = nodes_peak = held_peak = 0
    for instant in sorted(changes):
        # What ends at an instant has ended before what begins there.
        for change, isp in sorted(changes[instant]):
            sizes[isp] += change
        held = [size for size in sizes.values() if size > 0]
        isps_peak = max(isps_peak, len(held))
        nodes_peak = max([nodes_peak, *held])
        held_peak = max(held_peak, sum(held))
    return Extent(len(changes), isps_peak, nodes_peak, held_peak)


def plant_overlap(grants: list[Grant]) -> Grant:
    """A grant that must be refused together with the others: another ISP has the node that was held longest, from the
    middle of that time on, under an epoch that nobody used."""
    longest = max((grant for grant in grants if grant.released_ns is not None), default=None,
                  key=lambda grant: grant.end - grant.granted_ns)
    if longest is None:
        raise GrantsError("there is no grant that ended, so none can be planted inside one")
    # An ISP that had its own node by then, so that nothing but the overlap is wrong.
    middle = (longest.granted_ns + longest.released_ns) // 2
    others = [grant for grant in grants if grant.isp != longest.isp and grant.node == grant.initiator
              and grant.granted_ns <= middle and grant.node != longest.node]
    if not others:
        raise GrantsError("there is no second ISP to whom a grant could be planted")
    return Grant(longest.node, others[0].isp, f"{longest.epoch}-planted", middle, longest.released_ns)
