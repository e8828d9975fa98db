"""A ring repairs an overload before your eyes, and the figures it tells are checked against its journals."""

from __future__ import annotations

import argparse
import json
import random
import time

from .control import Watch
from .journal import Isp, Journal
from .programs import Programs, RingError
from .ring import Ring
from .shape import Shape
from .story import Story, check_calm, loads
from .text import Paint, table
from .workload import THRESHOLD, Jump, draw_nodes, jump

NODES_MIN = 4
NODES_MAX = 64
LINK_MBPS = 2_500
# From the first jump of demand to the end of the last ISP.
STORY_SECONDS_MAX = 60.0
# Of a node's CPU, in percent: the most that an overload exceeds the threshold by.
EXCESS_PERCENT_MAX = 30

# Shorter times than the defaults, so that the story shows more of what happens within half a minute.
SETTINGS = {
    "sampling": {"interval": "500ms", "half_life": "0s"},
    "reservation": {"request_timeout": "500ms", "action_poll": "600ms"},
}

# The figures of an ISP that `dvms explain` and the journal must agree on.
FIGURES = ("outcome", "took_ms", "members_peak", "nodes_asked", "hops", "sweeps", "messages", "migrations", "moved_mib")


def main() -> int:
    options = _parser().parse_args()
    paint = Paint()
    begin = time.monotonic()
    dice = random.Random(options.seed)
    nodes = draw_nodes(options.nodes, options.vms, LINK_MBPS, dice)
    first, second = _draw_jumps(nodes, dice)
    print(f"demo: {options.nodes} nodes of {nodes[0].cpu // 1000} cores, {options.vms} VMs, seed {options.seed}; "
          f"a node is overloaded above {THRESHOLD} %")
    with Ring(Shape("demo", nodes, SETTINGS), Programs.from_environment()) as ring:
        ring.start()
        print(f"{len(ring.daemons)} dvmsd and {len(ring.hosts)} modelled-host processes are up after "
              f"{time.monotonic() - begin:.1f} s\n\n{loads(ring, paint)}\n")
        isps = _play(ring, first, second, Story(paint))
        print(f"\n{loads(ring, paint)}\n")
        check_calm(ring)
        explained = [_explain(ring, isp) for isp in isps]
        ring.stop()
        written = [_from_journal(ring, isp) for isp in isps]
        print(_compare(explained, written))
    told = written[-1]
    print(f"demo: solved in {told.took_ms / 1000:.2f} s, {told.migrations} migrations, {told.members_peak} nodes, "
          f"{told.messages} messages")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--nodes", type=int, default=8, choices=range(NODES_MIN, NODES_MAX + 1), metavar="N",
                        help=f"{NODES_MIN} to {NODES_MAX}; 8 by default")
    parser.add_argument("--vms", type=int, default=64, metavar="N", help="64 by default")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="7 by default")
    return parser


def _draw_jumps(nodes: tuple, dice: random.Random) -> tuple[Jump, Jump]:
    """Two neighbours, of which the second stands before the first in the ring: the partition that the first has
    grown clockwise begins where the second looks first.

    Both together ask for half of what the others have left, so that there is a plan for each."""
    excess = min(EXCESS_PERCENT_MAX, 5 * (len(nodes) - 2))
    index = dice.randrange(len(nodes))
    return jump(nodes[index], excess, dice), jump(nodes[index - 1], excess, dice)


def _play(ring: Ring, first: Jump, second: Jump, story: Story) -> list[str]:
    """Both overloads; returns the ISPs that repaired them, in this order."""
    deadline = time.monotonic() + STORY_SECONDS_MAX
    with ring.watch() as watch:
        _apply(ring, first, story)
        blocking = _follow(watch, story, deadline, "migration_progress", first.node)
        _apply(ring, second, story)
        ends: dict[str, dict] = {}
        while not {first.node, second.node} <= ends.keys():
            node, event = _next(watch, story, deadline)
            if event["kind"] == "isp_ended" and node in (first.node, second.node):
                ends.setdefault(node, event)
    for node, event in ends.items():
        if event["facts"]["outcome"] != "solved":
            raise RingError(f"{event['isp']} of {node} {event['text']}")
    return [blocking["isp"], ends[second.node]["isp"]]


def _apply(ring: Ring, jump: Jump, story: Story) -> None:
    story.say(f"{len(jump.demands)} VMs of {jump.node} want more: {jump.percent} % of its CPU in all")
    ring.set_demand(jump.node, jump.demands)


def _follow(watch: Watch, story: Story, deadline: float, kind: str, node: str) -> dict:
    """Tells the story up to the first event of this kind that this node tells."""
    while True:
        teller, event = _next(watch, story, deadline)
        if teller == node and event["kind"] == kind:
            return event


def _next(watch: Watch, story: Story, deadline: float) -> tuple[str, dict]:
    found = watch.next(deadline)
    if found is None:
        raise RingError(f"the overloads were not repaired within {STORY_SECONDS_MAX:g} s")
    story.tell(*found)
    return found


def _explain(ring: Ring, isp: str) -> dict:
    """The figures of an ISP as `dvms explain` tells them while its daemon runs."""
    answer = json.loads(ring.dvms(isp.split("#")[0], "--json", "explain", isp))
    found = [entry for entry in answer["isps"] if entry["isp"] == isp]
    if len(found) != 1:
        raise RingError(f"dvms explain {isp} tells of {len(found)} ISPs of that name")
    return found[0]


def _from_journal(ring: Ring, isp: str) -> Isp:
    """The same figures from the journal, with the migrations counted again."""
    node = isp.split("#")[0]
    journal = Journal.read(node, ring.state(node))
    row = next((row for row in journal.isps if row.isp == isp), None)
    if row is None:
        raise RingError(f"the journal of {node} does not know {isp}")
    moved = sum(migration.isp == isp and migration.result == "moved" for migration in journal.migrations)
    if moved != row.migrations:
        raise RingError(f"{isp} is said to have moved {row.migrations} guests, the journal has {moved} such migrations")
    return row


def _compare(explained: list[dict], written: list[Isp]) -> str:
    """Both, side by side. Raises RingError when they differ."""
    rows: list[list[object]] = []
    for told, kept in zip(explained, written):
        for figure in FIGURES:
            if told.get(figure) != getattr(kept, figure):
                raise RingError(f"{kept.isp}: {figure} is {told.get(figure)} by dvms explain, "
                                f"{getattr(kept, figure)} in the journal")
        rows.append([kept.isp, "dvms explain", *(told[figure] for figure in FIGURES)])
        rows.append(["", "journal", *(getattr(kept, figure) for figure in FIGURES)])
    return table(["ISP", "BY", *(figure.upper().replace("_", " ") for figure in FIGURES)], rows)

