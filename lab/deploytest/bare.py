"""Deploys a fleet on bare hosts over real ssh: Debian with an sshd, and nothing of libvirt or QEMU before.

`dvms deploy apply` installs packages, starts libvirt, makes a VXLAN and four guests, and starts an agent on each host that runs
some; guests reach each other by name; a host is switched off and on, and `apply` has its guests run again; `destroy` leaves
packages, and nothing else. Once where sshd is the only service, once where systemd runs. Root.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import steps
from .deployment import Deployment
from .lab import HERE, IMAGE, Failed, guests_by_host, lab, on, within
from .shape import AGENT_ANSWER_MAX, BARE

OPTIONS = {"sshd": "--bare", "systemd": "--systemd"}
# What must not be there before, and is there afterwards.
_PROGRAMS = "virsh libvirtd qemu-system-x86_64 qemu-img dnsmasq genisoimage ip ping"
# What a deployment may leave behind: links, guests, pools, keys, files and units of its name, processes.
_TRACES = r"""
ls /sys/class/net | grep -v '^vnet'
! command -v virsh >/dev/null || { virsh -q list --all --name; virsh -q pool-list --all --name; } | grep . || true
cat /root/.ssh/authorized_keys
find / /run /tmp -xdev -name '*dvms*'
ps -e -o comm= | grep -E '^(dvmsd|dnsmasq|qemu)' || true
"""
_AGENT = "/var/lib/libvirt/dvms/lab/agent"


def runtime(program: Path) -> list[str]:
    """What the program loads that is Swift's: Debian has no package of it."""
    loaded = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [line.split()[2] for line in loaded.splitlines() if "/swift/" in line]


def put_runtime(hosts: list[int], program: Path) -> None:
    """The one thing that a bare host has beside its sshd: what `dvmsd` was linked against."""
    files = runtime(program)
    if not files:
        return
    packed = subprocess.run(["tar", "-c", "-h", "-P", *files], capture_output=True, check=True).stdout
    for host in hosts:
        subprocess.run([HERE / "lab", "exec", f"h{host}", "tar", "-x", "-P"], input=packed, check=True)


def there(host: int) -> list[str]:
    return on(host, f"for it in {_PROGRAMS}; do ! command -v $it >/dev/null || echo $it; done").split()


def expect_bare(hosts: list[int]) -> None:
    for host in hosts:
        if found := there(host):
            raise Failed(f"h{host} is not bare: it has {', '.join(found)}")


def traces(hosts: list[int]) -> dict[int, str]:
    return {host: on(host, _TRACES) for host in hosts}


def from_nothing(fleet: Deployment, hosts: list[int]) -> str:
    began = time.monotonic()
    report = fleet.apply()
    took = time.monotonic() - began
    fleet.expect_whole(hosts)
    workers = [host for host in hosts if there(host)]
    if len(workers) != len(hosts) - 1:
        raise Failed(f"of {hosts} all but the spare are to have packages, and {workers} have")
    return f"{len(workers)} bare hosts run {fleet.shape.guests} guests after {took:.1f} s\n{report}"


def agents_answer(fleet: Deployment, hosts: list[int]) -> str:
    """Every host that has packages has an agent, which knows all others and sees all guests of its host."""
    workers = [host for host in hosts if there(host)]
    said: dict[int, dict] = {}

    def all_answer() -> bool:
        for host in workers:
            said[host] = json.loads(
                on(host, f"cd {_AGENT}; ./dvmsd --config dvmsd.yaml --node h{host} --ask status || echo '{{}}'"))
        return (all(status.get("live_members") == len(workers) for status in said.values())
                and sum(status["vms"] for status in said.values()) == fleet.shape.guests)

    took = within(AGENT_ANSWER_MAX, lambda: f"the agents see each other and all guests: {said}", all_answer)
    words = [f"h{host}: {status['hypervisor']}, {status['vms']} VMs, {status['live_members']} members"
             for host, status in said.items()]
    return f"all agents answer, after {took:.1f} s\n" + "\n".join(words)


def boots_again(fleet: Deployment, hosts: list[int]) -> str:
    """A host with guests, and not the one that the deployer stands on, loses its power and gets it back."""
    lost = next(host for host, names in guests_by_host(hosts[1:]).items() if names)
    lab("crash", f"h{lost}")
    lab("boot", f"h{lost}")
    if on(lost, "cat /proc/1/comm").strip() == "systemd":
        within(AGENT_ANSWER_MAX, lambda: f"systemd has the agent of h{lost} run again",
               lambda: bool(on(lost, "pgrep -x dvmsd || true")))
    began = time.monotonic()
    report = fleet.apply()
    took = time.monotonic() - began
    fleet.expect_whole(hosts)
    return f"h{lost} was off: its guests run again after {took:.1f} s\n{report}"


def destroyed(fleet: Deployment, hosts: list[int], before: dict[int, str]) -> str:
    report = fleet.destroy()
    for host, after in traces(hosts).items():
        if after != before[host]:
            raise Failed(f"h{host} is not as it was but for packages; before:\n{before[host]}\nafter:\n{after}")
    return f"destroyed, every host as before but for packages:\n{report}"


STEPS: tuple[Callable[[Deployment, list[int]], str], ...] = (
    from_nothing, agents_answer, steps.names_and_isolation, boots_again, agents_answer)


def run(kind: str, programs: Path) -> None:
    hosts = list(range(1, BARE.hosts + 1))
    lab("up", str(BARE.hosts), OPTIONS[kind])
    try:
        with tempfile.TemporaryDirectory() as folder:
            fleet = Deployment(BARE, Path(folder), programs)
            expect_bare(hosts)
            put_runtime(hosts, programs / "dvmsd")
            before = traces(hosts)
            for step in STEPS:
                print(f"{kind}: {step(fleet, hosts)}", flush=True)
            print(f"{kind}: {destroyed(fleet, hosts, before)}", flush=True)
    finally:
        lab("down")


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab/bare-test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=OPTIONS, help="hosts with this as first process")
    parser.add_argument("--programs", type=Path, default=HERE.parent / ".build/release", metavar="FOLDER",
                        help="where dvms and dvmsd are; default: the release build")
    chosen = parser.parse_args()
    for program in ("dvms", "dvmsd"):
        if not (chosen.programs / program).exists():
            print(f"lab/bare-test: {chosen.programs / program} is not there; make build", file=sys.stderr)
            return 2
    try:
        lab("setup")
        subprocess.run([HERE / "bare/make"], check=True)
        if not IMAGE.exists():
            subprocess.run([HERE / "disk/make", IMAGE], check=True)
        for kind in [chosen.only] if chosen.only else OPTIONS:
            run(kind, chosen.programs.resolve())
    except (Failed, subprocess.CalledProcessError) as error:
        print(f"lab/bare-test: {error}", file=sys.stderr)
        return 1
    print("lab/bare-test: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
