"""64 daemons and 640 guests on this machine: eight overloads at once, and what their ISPs took."""

from __future__ import annotations

import argparse
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .bound import bound
from .control import Control, Watch
from .grants import plant_overlap
from .journal import Event, Isp, Journal
from .picture import Move, svg
from .programs import ROOT, Programs, RingError
from .ring import Ring
from .shape import Node, Shape
from .story import check_calm
from .text import table
from .workload import THRESHOLD, draw_nodes

GUESTS_A_NODE = 10
LINK_MBPS = 1_000
GUEST_MEMORY = (256, 512)  # MiB
# Overloads come in chains, in which each stands so many places clockwise of the one before: the partition that an ISP
# grows meets that of the next after one node, and has to hop over it.
CHAINS = 2
DISTANCE = 2
# Of the ring, for each overload: its chain and the nodes that the partitions grow into.
NODES_AN_OVERLOAD = 6
# Of a node's CPU, in percent, beyond the threshold.
EXCESS_PERCENT = 30
REPAIR_SECONDS_MAX = 150.0
SETTINGS = {"sampling": {"interval": "1s", "half_life": "2s"}}


@dataclass(frozen=True)
class Overload:
    """One guest of a node is to count as wanting this many millicores."""

    node: str
    guest: str
    cpu: int


def main() -> int:
    options = _parser().parse_args()
    begin = time.monotonic()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    dice = random.Random(options.seed)
    nodes = draw_nodes(options.nodes, GUESTS_A_NODE * options.nodes, LINK_MBPS, dice, GUEST_MEMORY)
    overloads = _draw_overloads(nodes, options.overloads, dice)
    print(f"ring64: {len(nodes)} nodes, {GUESTS_A_NODE * len(nodes)} guests, {len(overloads)} overloads, "
          f"seed {options.seed}")
    with Ring(Shape("ring64", nodes, SETTINGS), Programs.from_environment()) as ring:
        ring.start()
        print(f"{len(ring.daemons)} dvmsd and {len(ring.hosts)} modelled-host processes see each other after "
              f"{time.monotonic() - begin:.1f} s")
        _overload(ring, overloads)
        check_calm(ring)
        ring.stop()
        journals = [Journal.read(name, ring.state(name)) for name in ring.names]
        _report(journals, overloads, out)
    print(f"ring64: {len(overloads)} overloads solved, {time.monotonic() - begin:.0f} s in all")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ring64", description=__doc__)
    parser.add_argument("--nodes", type=int, default=64, metavar="N", help="64 by default")
    parser.add_argument("--overloads", type=int, default=8, metavar="N",
                        help=f"a multiple of {CHAINS}, 8 by default")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="7 by default")
    parser.add_argument("--out", default=str(ROOT / "rings" / "out" / "ring64"), metavar="FOLDER",
                        help="for the log of grants and the picture; rings/out/ring64 by default")
    return parser


def _draw_overloads(nodes: tuple[Node, ...], count: int, dice: random.Random) -> list[Overload]:
    """Chains of nodes that stand near each other, the chains far apart."""
    if count < CHAINS or count % CHAINS or NODES_AN_OVERLOAD * count > len(nodes):
        raise RingError(f"{count} overloads on {len(nodes)} nodes: give a multiple of {CHAINS}, and "
                        f"{NODES_AN_OVERLOAD} nodes for each")
    first = dice.randrange(len(nodes))
    places = [first + chain * len(nodes) // CHAINS + place * DISTANCE
              for chain in range(CHAINS) for place in range(count // CHAINS)]
    return [_draw_overload(nodes[place % len(nodes)], dice) for place in places]


def _draw_overload(node: Node, dice: random.Random) -> Overload:
    guest = dice.choice(node.guests)
    excess = (THRESHOLD + EXCESS_PERCENT) * node.cpu // 100 - node.load
    return Overload(node.name, guest.name, guest.cpu + excess)


# The run


def _overload(ring: Ring, overloads: list[Overload]) -> None:
    """Injects all overloads at once, and returns when each node has solved its own or has none any more."""
    controls = [Control(overload.node, ring.control_socket(overload.node)) for overload in overloads]
    with ring.watch() as watch:
        for control, overload in zip(controls, overloads):
            control.send("inject", what="demand", vm=overload.guest, cpu_millicores=overload.cpu)
        for control in controls:
            control.answer()
            control.close()
        print(f"{len(overloads)} overloads of {EXCESS_PERCENT} % are injected: "
              f"{' '.join(overload.node for overload in overloads)}")
        _await_calm(watch, {overload.node for overload in overloads})


def _await_calm(watch: Watch, overloaded: set[str]) -> None:
    """Returns when no node is overloaded and no ISP runs any more. Prints hops, and how each ISP ended."""
    begin = time.monotonic()
    deadline = begin + REPAIR_SECONDS_MAX
    running: set[str] = set()
    while overloaded or running:
        found = watch.next(deadline)
        if found is None:
            raise RingError(f"not repaired within {REPAIR_SECONDS_MAX:g} s: {' '.join(sorted(overloaded | running))}")
        node, event = found
        match event["kind"]:
            case "isp_started":
                running.add(event["isp"])
            case "isp_ended":
                running.discard(event["isp"])
            case "trigger_began":
                overloaded.add(node)
            case "trigger_ended":
                overloaded.discard(node)
        if event["kind"] in ("hopped", "waits", "sweeps_again", "isp_ended"):
            print(f"{time.monotonic() - begin:7.2f} s  {event['isp']}  {event['text']}", flush=True)


# What the journals say


def _report(journals: list[Journal], overloads: list[Overload], out: Path) -> None:
    isps = [isp for journal in journals for isp in journal.isps]
    events = {isp.isp: [event for journal in journals for event in journal.events
                        if event.isp == isp.isp and event.node == isp.node] for isp in isps}
    _print_outcomes(journals, isps, overloads)
    _print_isps(journals, isps, events)
    hops = [event for isp in isps for event in events[isp.isp] if event.kind == "hopped"]
    print(f"\nhops over foreign partitions: {len(hops)}")
    for event in hops:
        print(f"  {event.isp} {event.text}")
    if not hops:
        raise RingError("no ISP met the partition of another one")
    _prove_disjoint(journals, out)
    _draw(journals, isps, out)


def _print_outcomes(journals: list[Journal], isps: list[Isp], overloads: list[Overload]) -> None:
    """Which ISP solved each overload. Raises RingError when none did."""
    open_isps = [isp.isp for isp in isps if isp.outcome is None]
    if open_isps:
        raise RingError(f"these ISPs never ended: {' '.join(open_isps)}")
    solved = {isp.isp for isp in isps if isp.outcome == "solved"}
    print()
    for overload in overloads:
        # Its own, or one that held the node before it had noticed, and repaired both.
        held_by = [grant.isp for journal in journals if journal.node == overload.node for grant in journal.grants()]
        by = next((isp for isp in held_by if isp in solved), None)
        if by is None:
            raise RingError(f"no ISP solved the overload of {overload.node}; it was held by "
                            f"{' '.join(held_by) or 'none'}")
        print(f"overload of {overload.node}: solved by {by}")


def _print_isps(journals: list[Journal], isps: list[Isp], events: dict[str, list[Event]]) -> None:
    rows: list[list[object]] = []
    over = []
    for isp in isps:
        migrations = [migration for journal in journals for migration in journal.migrations
                      if migration.isp == isp.isp]
        most = bound(isp, len(journals), events[isp.isp], migrations).total
        if isp.messages > most:
            over.append(f"{isp.isp} sent {isp.messages} messages, the bound is {most}")
        rows.append([isp.isp, isp.outcome, isp.nodes_asked, isp.members_peak, isp.hops, isp.sweeps, isp.migrations,
                     isp.messages, most, round(isp.messages / most, 2), isp.solves, isp.solve_us / 1000,
                     isp.took_ms / 1000])
    head = ["ISP", "OUTCOME", "ASKED", "NODES", "HOPS", "SWEEPS", "MOVED", "MESSAGES", "BOUND", "OF IT", "SOLVES",
            "SOLVE MS", "TOOK S"]
    summary = [[name, "", *(_percentile([row[column] for row in rows], share) for column in range(2, len(head)))]
               for name, share in (("median", 0.5), ("p99", 0.99))]
    print("\n" + table(head, [*rows, *summary]))
    print(f"the bound on nodes asked is {len(journals) - 1} a sweep; that on messages is in docs/protocol.md")
    if over:
        raise RingError("; ".join(over))


def _percentile(values: list[float], share: float) -> float:
    """By the nearest rank: one of the values."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _prove_disjoint(journals: list[Journal], out: Path) -> None:
    """Lets the separate program judge the grants as they are, and with one planted overlap; and try itself on them."""
    grants = [grant for journal in journals for grant in journal.grants()]
    log, planted = out / "grants.log", out / "planted.log"
    head = "# node isp epoch granted released, in nanoseconds of the machine's clock\n"
    log.write_text(head + "".join(f"{grant.line()}\n" for grant in grants))
    planted.write_text(log.read_text() + f"{plant_overlap(grants).line()}\n")
    print()
    for words, expected in (([str(log)], 0), ([str(planted)], 1), (["--self-test", str(log)], 0)):
        done = subprocess.run([str(ROOT / "rings" / "disjoint"), *words], capture_output=True, text=True, check=False)
        name = " ".join(Path(word).name for word in words)
        print("".join(f"{name}: {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="")
        if done.returncode != expected:
            raise RingError(f"rings/disjoint {' '.join(words)} ended with {done.returncode}, not {expected}")


def _draw(journals: list[Journal], isps: list[Isp], out: Path) -> None:
    grants = [grant for journal in journals for grant in journal.grants()]
    # Migrations are told by the wall clock; an event with both clocks shows how far they are apart.
    shift = next(int(event.facts["monotonic_ns"]) - event.wall_ms * 1_000_000
                 for journal in journals for event in journal.events if event.kind == "node_granted")
    moves = [Move(migration.source, migration.destination, migration.started_ms * 1_000_000 + shift,
                  (migration.started_ms + migration.took_ms) * 1_000_000 + shift)
             for journal in journals for migration in journal.migrations if migration.took_ms is not None]
    started = {grant.isp: grant.granted_ns for grant in grants if grant.node == grant.initiator}
    legend = {isp.isp: f"{isp.outcome}, {isp.took_ms / 1000:.1f} s, {isp.members_peak} nodes, {isp.migrations} moved, "
              f"{isp.hops} hops, {isp.messages} messages" for isp in sorted(isps, key=lambda isp: started[isp.isp])}
    picture = out / "ring64.svg"
    picture.write_text(svg(f"Who held which node when: {len(journals)} nodes, {len(isps)} ISPs",
                           [journal.node for journal in journals], grants, moves, legend))
    print(f"picture: {picture}")
