"""What a daemon costs while nothing happens: CPU time and memory of each daemon of a calm ring."""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from .programs import Programs, RingError
from .ring import Ring
from .shape import Shape
from .text import table
from .workload import draw_nodes

GUESTS_A_NODE = 10
LINK_MBPS = 1_000
# Of one core, in percent: every daemon stays below.
CPU_PERCENT_MAX = 0.5
# Memory that is the daemon's own and in no file, in MiB: every daemon stays at or below.
ANON_MIB_MAX = 12.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Of one daemon."""

    node: str
    cpu_percent: float
    anon_mib: float
    rss_mib: float
    pss_mib: float
    threads: int


def main() -> int:
    options = _parser().parse_args()
    dice = random.Random(options.seed)
    nodes = draw_nodes(options.nodes, GUESTS_A_NODE * options.nodes, LINK_MBPS, dice)
    with Ring(Shape("idle", nodes), Programs.from_environment()) as ring:
        ring.start()
        print(f"idle: {len(nodes)} daemons see each other; they settle for {options.settle:g} s and are measured for "
              f"{options.seconds:g} s", flush=True)
        time.sleep(options.settle)
        costs = _measure(ring, options.seconds)
        ring.stop()
    return _report(costs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="idle", description=__doc__)
    parser.add_argument("--nodes", type=int, default=64, metavar="N", help="64 by default")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="60 by default")
    parser.add_argument("--settle", type=float, default=20.0, metavar="S", help="before that; 20 by default")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="7 by default")
    return parser


def _measure(ring: Ring, seconds: float) -> list[Cost]:
    """Raises RingError when a daemon ends meanwhile."""
    pids = {node: daemon.pid for node, daemon in ring.daemons.items()}
    before = {node: (_cpu_ticks(pid), time.monotonic()) for node, pid in pids.items()}
    time.sleep(seconds)
    costs = []
    for node, pid in pids.items():
        if not ring.daemons[node].is_running:
            raise RingError(f"{ring.daemons[node].name} ended:\n{ring.daemons[node].last_words()}")
        ticks, begin = before[node]
        used = (_cpu_ticks(pid) - ticks) / TICKS_A_SECOND
        sizes, status = _fields(pid, "smaps_rollup"), _fields(pid, "status")
        costs.append(Cost(node, 100 * used / (time.monotonic() - begin), status["RssAnon"] / 1024,
                          sizes["Rss"] / 1024, sizes["Pss"] / 1024, status["Threads"]))
    return costs


def _cpu_ticks(pid: int) -> int:
    """User and system time of all its threads, in ticks of the kernel."""
    # The name in brackets may hold blanks; what follows it does not.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _fields(pid: int, file: str) -> dict[str, int]:
    """The numbers of a file of /proc with a line `Name: 12 kB` for each."""
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/{file}").read_text().splitlines())
    words = {name: value.split() for name, _, value in lines}
    return {name: int(value[0]) for name, value in words.items() if value and value[0].isdigit()}


def _report(costs: list[Cost]) -> int:
    columns = [("CPU % OF A CORE", "cpu_percent"), ("RSSANON MIB", "anon_mib"), ("RSS MIB", "rss_mib"),
               ("PSS MIB", "pss_mib"), ("THREADS", "threads")]
    rows = [[name, *(round(choose([getattr(cost, field) for cost in costs]), 2) for _, field in columns)]
            for name, choose in (("median", statistics.median), ("max", max))]
    print(table(["", *(head for head, _ in columns)], rows))
    over = [f"{cost.node}: {cost.cpu_percent:.2f} % of a core, {cost.anon_mib:.1f} MiB" for cost in costs
            if cost.cpu_percent >= CPU_PERCENT_MAX or cost.anon_mib > ANON_MIB_MAX]
    if over:
        raise RingError(f"{len(over)} of {len(costs)} daemons are not below {CPU_PERCENT_MAX} % of a core and "
                        f"{ANON_MIB_MAX:g} MiB of RssAnon; the first: {over[0]}")
    print(f"idle: every daemon is below {CPU_PERCENT_MAX} % of a core and has at most {ANON_MIB_MAX:g} MiB of RssAnon")
    return 0
