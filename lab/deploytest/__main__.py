"""Deploys a fleet on a lab of its own: hosts in two sites over real ssh, real guests in a VXLAN, agents, one spare.

`dvms deploy apply` is killed again and again while it works, then carried on until the fleet is whole. Guests reach each other by
name; an overload is repaired by live migration; a host is lost, and its guests stay its own until they are given up;
`destroy` leaves every host as it was. Who judges are the hosts' own libvirt, links, folders and processes. Root.

With --bare hosts are a Debian with an sshd and nothing of libvirt or QEMU: packages are installed, libvirt is started and
reaches the others over TLS, a host is switched off and on; packages stay. With --deaths a host dies in each stage of a
first apply instead, each time on a new lab.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import deaths, steps
from .deployment import Deployment
from .ground import BARE, LAB, Ground, Traces
from .lab import HERE, IMAGE, Failed, lab
from .shape import FULL, SHORT, SMALL, Shape

STEPS = (steps.killed_then_whole, steps.agents_answer, steps.names_and_isolation, steps.overload_repaired)


@contextmanager
def fresh(shape: Shape, ground: Ground, programs: Path) -> Iterator[tuple[Deployment, list[int], Traces]]:
    """A new lab with nothing on it: the fleet to be made, the hosts, and their traces before."""
    hosts = list(range(1, shape.hosts + 1))
    lab("up", str(shape.hosts), ground.option)
    try:
        ground.prepare(hosts, programs / "dvmsd")
        with tempfile.TemporaryDirectory() as folder:
            yield Deployment(shape, ground, Path(folder), programs), hosts, Traces(ground, hosts)
    finally:
        lab("down")


def run(shape: Shape, ground: Ground, programs: Path) -> None:
    more = (steps.boots_again, steps.agents_answer) if ground.is_bare else ()
    with fresh(shape, ground, programs) as (fleet, hosts, traces):
        for step in (*STEPS, *more, steps.host_lost):
            print(step(fleet, hosts), flush=True)
        print(steps.destroyed(fleet, traces), flush=True)


def run_deaths(stages: list[str], shape: Shape, ground: Ground, programs: Path) -> None:
    """All stages are tried, whatever comes of one."""
    failed = []
    for stage in stages:
        began = time.monotonic()
        try:
            with fresh(shape, ground, programs) as scene:
                print(deaths.died(stage, *scene), flush=True)
        except Failed as failure:
            failed.append(stage)
            print(f"{stage}: FAILED after {time.monotonic() - began:.0f} s: {failure}", flush=True)
    if failed:
        raise Failed(f"{len(failed)} of {len(stages)} stages failed: {', '.join(failed)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab/deploy-test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="8 hosts and 20 guests instead of 4 and 6")
    parser.add_argument("--small", action="store_true", help="4 hosts and 4 guests, and nothing is killed")
    parser.add_argument("--bare", choices=BARE, help="on hosts that have this as first process, and nothing else")
    parser.add_argument("--deaths", nargs="*", choices=deaths.STAGES, metavar="STAGE",
                        help=f"let a host die in these stages, or in each: {', '.join(deaths.STAGES)}")
    parser.add_argument("--programs", type=Path, default=HERE.parent / ".build/release", metavar="FOLDER",
                        help="where dvms and dvmsd are; default: the release build")
    return parser.parse_args()


def main() -> int:
    chosen = _options()
    for program in ("dvms", "dvmsd"):
        if not (chosen.programs / program).exists():
            print(f"lab/deploy-test: {chosen.programs / program} is not there; make build", file=sys.stderr)
            return 2
    shape = FULL if chosen.full else SMALL if chosen.small else SHORT
    ground, programs = BARE[chosen.bare] if chosen.bare else LAB, chosen.programs.resolve()
    try:
        lab("setup")
        if ground.is_bare:
            subprocess.run([HERE / "bare/make"], check=True)
        if not IMAGE.exists():
            subprocess.run([HERE / "disk/make", IMAGE], check=True)
        if chosen.deaths is None:
            run(shape, ground, programs)
        else:
            run_deaths(chosen.deaths or list(deaths.STAGES), shape, ground, programs)
    except (Failed, subprocess.CalledProcessError) as error:
        print(f"lab/deploy-test: {error}", file=sys.stderr)
        return 1
    print("lab/deploy-test: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
