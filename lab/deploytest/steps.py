"""What is done to the fleet, in this order, and what must hold after each step."""

from __future__ import annotations

import subprocess
import time

from .deployment import Deployment
from .lab import Failed, Guest, guests_by_host, guests_on, host_of, lab, on, within
from .shape import REPAIR_MAX, STALL_MAX
from .stream import Stream

# What a deployment may leave traces in: links, guests, pools, folders, processes.
_TRACES = r"""
ip -o link | sed 's/^[0-9]*: //; s/@.*//; s/: .*//' | grep -v '^vnet' | sort
virsh -q list --all --name | sort; virsh -q pool-list --all --name | sort
ls -R /var/lib/libvirt/dvms 2>/dev/null || true
ls -R /etc/lab-home; cat /etc/lab-home/.ssh/authorized_keys 2>/dev/null || true
ps -e -o comm= | grep -E '^(dvmsd|dnsmasq|qemu)' || true
"""


def traces(hosts: list[int]) -> dict[int, str]:
    return {host: on(host, _TRACES) for host in hosts}


def killed_then_whole(fleet: Deployment, hosts: list[int]) -> str:
    kills = sum(fleet.apply_killed_after(count) for count in fleet.shape.killed_after)
    began = time.monotonic()
    report = fleet.apply()
    took = time.monotonic() - began
    fleet.expect_whole(hosts)
    if kills < len(fleet.shape.killed_after) - 1:
        raise Failed(f"apply was killed {kills} times only: it had ended before")
    fleet.apply()
    fleet.expect_whole(hosts)
    return f"killed {kills} times of {len(fleet.shape.killed_after)}, then whole after {took:.1f} s\n{report}"


def names_and_isolation(fleet: Deployment, hosts: list[int]) -> str:
    """Each guest is found by its name from a guest on another host; none of them from the hosts' own network."""
    asking = Guest("vm-1", hosts)
    for number in range(2, fleet.shape.guests + 1):
        asking.run(f"ping -q -c 1 -W 5 vm-{number}.lab.internal")
    address = fleet.address("vm-1")
    outside = subprocess.run(["ping", "-q", "-c", "1", "-W", "1", address], capture_output=True)
    if outside.returncode == 0:
        raise Failed(f"{address} is reached from outside of the VXLAN")
    return f"{fleet.shape.guests - 1} guests reached by name from vm-1; nothing from outside"


def overload_repaired(fleet: Deployment, hosts: list[int]) -> str:
    """Two guests of one host are made busy; the agents move one of them, and a TCP stream to it goes on."""
    by_host = guests_by_host(hosts)
    source = next(host for host in hosts if len(by_host[host]) >= 2)
    busy = by_host[source][:2]
    peer = next(names[0] for host, names in by_host.items() if host != source and names)
    streams = {guest: Stream(Guest(peer, hosts), Guest(guest, hosts), port) for port, guest in enumerate(busy, 5_000)}
    load = fleet.load(busy)
    try:
        took = within(REPAIR_MAX, lambda: f"the agents relieve h{source} of {' or '.join(busy)}",
                      lambda: any(guest not in on(source, "virsh -q list --name").split() for guest in busy))
        moved = next(guest for guest in busy if guest not in on(source, "virsh -q list --name").split())
        host_of(moved, hosts)
        stall = streams[moved].stall_after(beats=20)
    finally:
        load.terminate()
        load.communicate()
    if stall > STALL_MAX:
        raise Failed(f"the stream to {moved} stood still for {stall:.1f} s")
    fleet.expect_whole(hosts)
    fleet.apply()
    fleet.expect_whole(hosts)
    return (f"h{source} was relieved of {moved} after {took:.1f} s, by h{host_of(moved, hosts)}; "
            f"its TCP stream went on, with a longest stall of {stall:.2f} s")


def host_lost(fleet: Deployment, hosts: list[int]) -> str:
    """A host with guests dies, and not the one that the deployer stands on: its guests stay its own until given up."""
    lost = next(host for host, names in guests_by_host(hosts[1:]).items() if names)
    lab("crash", f"h{lost}")
    left = [host for host in hosts if host != lost]
    before = set(guests_on(left))
    fleet.apply(expecting=1)
    if anew := set(guests_on(left)) - before:
        raise Failed(f"guests of h{lost} were made anew unasked: {sorted(anew)}")
    report = fleet.apply("--replace-lost", expecting=1)
    fleet.expect_whole(left)
    lab("boot", f"h{lost}")
    return f"h{lost} was lost:\n{report}"


def destroyed(fleet: Deployment, hosts: list[int], before: dict[int, str]) -> str:
    report = fleet.destroy()
    for host, after in traces(hosts).items():
        if after != before[host]:
            raise Failed(f"h{host} is not as it was; before:\n{before[host]}\nafter:\n{after}")
    return f"destroyed, every host as before:\n{report}"
