"""Shows from logs of grants that no node was ever held by two ISPs, so that partitions were disjoint at every instant.

Exit codes: 0 disjoint, 1 not, 2 the logs cannot be read."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .grants import Grant, GrantsError, extent, faults, parse, plant_overlap

EXIT_DISJOINT = 0
EXIT_FAULTS = 1
EXIT_UNREADABLE = 2
FAULTS_SHOWN = 20


def main() -> int:
    options = _parser().parse_args()
    try:
        grants = [grant for log in options.logs for grant in parse(Path(log).read_text(), log)]
        if not grants:
            raise GrantsError("there is no grant in these logs")
        return _self_test(grants) if options.self_test else _judge(grants)
    except (OSError, GrantsError) as error:
        print(f"disjoint: {error}", file=sys.stderr)
        return EXIT_UNREADABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="disjoint", description=__doc__)
    parser.add_argument("logs", nargs="+", metavar="LOG", help="lines NODE ISP EPOCH GRANTED RELEASED")
    parser.add_argument("--self-test", action="store_true",
                        help="spoil the logs in several ways, and show that each is noticed")
    return parser


def _judge(grants: list[Grant]) -> int:
    found = faults(grants)
    for fault in found[:FAULTS_SHOWN]:
        print(fault)
    nodes = len({grant.node for grant in grants})
    isps = len({grant.isp for grant in grants})
    if found:
        print(f"disjoint: NO: {len(found)} faults in {len(grants)} grants")
        return EXIT_FAULTS
    most = extent(grants)
    print(f"disjoint: yes: {len(grants)} grants of {nodes} nodes to {isps} ISPs; looked at all {most.instants} instants "
          f"at which a partition changed; at most {most.isps_peak} ISPs at once, {most.nodes_peak} nodes in one, "
          f"{most.held_peak} held")
    return EXIT_DISJOINT


def _self_test(grants: list[Grant]) -> int:
    """Each spoiled copy must have more faults than the logs have, and the words that belong to it."""
    closed = next(grant for grant in grants if grant.released_ns is not None)
    own = next(grant for grant in grants if grant.node == grant.initiator)
    planted = plant_overlap(grants)
    spoiled = {
        "held by": [*grants, planted],
        "before it begins": [*grants, replace(closed, epoch="planted", granted_ns=closed.released_ns + 1)],
        "was minted": [*grants, replace(closed, granted_ns=closed.released_ns)],
        "its own node was granted to it 0 times": [grant for grant in grants if grant != own],
    }
    before = set(faults(grants))
    failed = False
    for words, copy in spoiled.items():
        noticed = [fault for fault in faults(copy) if fault not in before and words in fault]
        failed = failed or not noticed
        print(f"{'noticed' if noticed else 'NOT NOTICED'}: {noticed[0] if noticed else words}")
    for line in (f"{own.line()} more", own.line().replace("#", "/", 1), own.line().replace(str(own.granted_ns), "x")):
        try:
            Grant.parse(line, "planted")
        except GrantsError as error:
            print(f"noticed: {error}")
        else:
            failed = True
            print(f"NOT NOTICED: {line}")
    return EXIT_FAULTS if failed else EXIT_DISJOINT
