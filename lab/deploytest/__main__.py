"""Deploys a fleet on a lab of its own: hosts in two sites over real ssh, real guests in a VXLAN, agents, one spare.

`dvms deploy apply` is killed again and again while it works, then carried on until the fleet is whole. Guests reach each other by
name; an overload is repaired by live migration; a host is lost, and its guests stay its own until they are given up;
`destroy` leaves every host as it was. Who judges are the hosts' own libvirt, links, folders and processes. Root.

With --deaths a host dies in each stage of a first apply instead, each time on a new lab.
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
from .lab import HERE, IMAGE, Failed, lab
from .shape import FULL, SHORT, Shape


@contextmanager
def fresh(shape: Shape, programs: Path) -> Iterator[tuple[Deployment, list[int], dict[int, str]]]:
    """A new lab with nothing on it: the fleet to be made, the hosts, and their traces before."""
    hosts = list(range(1, shape.hosts + 1))
    lab("up", str(shape.hosts), "--ssh")
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Deployment(shape, Path(folder), programs), hosts, steps.traces(hosts)
    finally:
        lab("down")


def run(shape: Shape, programs: Path) -> None:
    with fresh(shape, programs) as (fleet, hosts, before):
        for step in (steps.killed_then_whole, steps.names_and_isolation, steps.overload_repaired, steps.host_lost):
            print(step(fleet, hosts), flush=True)
        print(steps.destroyed(fleet, hosts, before), flush=True)


def run_deaths(stages: list[str], shape: Shape, programs: Path) -> None:
    """All stages are tried, whatever comes of one."""
    failed = []
    for stage in stages:
        began = time.monotonic()
        try:
            with fresh(shape, programs) as scene:
                print(deaths.died(stage, *scene), flush=True)
        except Failed as failure:
            failed.append(stage)
            print(f"{stage}: FAILED after {time.monotonic() - began:.0f} s: {failure}", flush=True)
    if failed:
        raise Failed(f"{len(failed)} of {len(stages)} stages failed: {', '.join(failed)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab/deploy-test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="8 hosts and 20 guests instead of 4 and 6")
    parser.add_argument("--deaths", nargs="*", choices=deaths.STAGES, metavar="STAGE",
                        help=f"let a host die in these stages, or in each: {', '.join(deaths.STAGES)}")
    parser.add_argument("--programs", type=Path, default=HERE.parent / ".build/release", metavar="FOLDER",
                        help="where dvms and dvmsd are; default: the release build")
    chosen = parser.parse_args()
    for program in ("dvms", "dvmsd"):
        if not (chosen.programs / program).exists():
            print(f"lab/deploy-test: {chosen.programs / program} is not there; make build", file=sys.stderr)
            return 2
    try:
        lab("setup")
        if not IMAGE.exists():
            subprocess.run([HERE / "disk/make", IMAGE], check=True)
        shape, programs = FULL if chosen.full else SHORT, chosen.programs.resolve()
        if chosen.deaths is None:
            run(shape, programs)
        else:
            run_deaths(chosen.deaths or list(deaths.STAGES), shape, programs)
    except (Failed, subprocess.CalledProcessError) as error:
        print(f"lab/deploy-test: {error}", file=sys.stderr)
        return 1
    print("lab/deploy-test: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
