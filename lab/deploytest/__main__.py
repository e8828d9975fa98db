"""Deploys a fleet on a lab of its own: hosts in two sites over real ssh, real guests in a VXLAN, agents, one spare.

`dvms deploy apply` is killed again and again while it works, then carried on until the fleet is whole. Guests reach each other by
name; an overload is repaired by live migration; a host is lost, and its guests stay its own until they are given up;
`destroy` leaves every host as it was. Who judges are the hosts' own libvirt, links, folders and processes. Root.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from . import steps
from .deployment import Deployment
from .lab import HERE, IMAGE, Failed, lab
from .shape import FULL, SHORT, Shape


def run(shape: Shape, programs: Path) -> None:
    hosts = list(range(1, shape.hosts + 1))
    lab("up", str(shape.hosts), "--ssh")
    try:
        with tempfile.TemporaryDirectory() as folder:
            fleet = Deployment(shape, Path(folder), programs)
            before = steps.traces(hosts)
            for step in (steps.killed_then_whole, steps.names_and_isolation, steps.overload_repaired, steps.host_lost):
                print(step(fleet, hosts), flush=True)
            print(steps.destroyed(fleet, hosts, before), flush=True)
    finally:
        lab("down")


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab/deploy-test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="8 hosts and 20 guests instead of 4 and 6")
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
        run(FULL if chosen.full else SHORT, chosen.programs.resolve())
    except (Failed, subprocess.CalledProcessError) as error:
        print(f"lab/deploy-test: {error}", file=sys.stderr)
        return 1
    print("lab/deploy-test: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
