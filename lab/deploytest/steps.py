"""What is done to the fleet, in this order, and what must hold after each step."""

from __future__ import annotations

import subprocess
import time

from .deployment import Deployment
from .ground import Traces, programs_on
from .lab import Failed, Guest, agent_says, guests_by_host, guests_on, host_of, lab, on, within
from .shape import AGENT_ANSWER_MAX, REPAIR_MAX, STALL_MAX
from .stream import Stream


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
    if fleet.ground.is_bare:
        workers = [host for host in hosts if programs_on(host)]
        if len(workers) != len(hosts) - 1:
            raise Failed(f"of {hosts} all but the spare are to have packages, and {workers} have")
    return f"killed {kills} times of {len(fleet.shape.killed_after)}, then whole after {took:.1f} s\n{report}"


def agents_answer(fleet: Deployment, hosts: list[int]) -> str:
    """Every host that is to have an agent has one, which knows all others and sees all guests of its host."""
    workers = [int(host["id"][1:]) for host in fleet.status()["hosts"] if host["role"] == "worker"]
    said: dict[int, dict] = {}

    def all_answer() -> bool:
        said.update({host: agent_says(host, "status") for host in workers})
        return (all(status.get("live_members") == len(workers) for status in said.values())
                and sum(status["vms"] for status in said.values()) == fleet.shape.guests)

    took = within(AGENT_ANSWER_MAX, lambda: f"the agents see each other and all guests: {said}", all_answer)
    words = [f"h{host}: {status['hypervisor']}, {status['vms']} VMs, {status['live_members']} members"
             for host, status in said.items()]
    return f"all agents answer, after {took:.1f} s\n" + "\n".join(words)


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


def destroyed(fleet: Deployment, traces: Traces) -> str:
    report = fleet.destroy()
    traces.expect_as_before()
    return f"destroyed, every host as before{' but for packages' if fleet.ground.is_bare else ''}:\n{report}"
