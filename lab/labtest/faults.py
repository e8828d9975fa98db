"""What is done to a ring while it copies a guest: one class per kind of fault.

A fault strikes once it is known that memory flows. What belongs to the fault itself happens in `go_on` (a service
manager that starts a daemon again, a daemon that wakes up); what a person would do afterwards happens in `mend`."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field

from dvmslab import guests, network
from dvmslab.settings import LabError

from . import limits
from .copying import Copy
from .scene import Scene
from .waiting import wait_until


@dataclass
class Strike:
    """When a fault struck, what was seen of the guest then, and which guests it took with it."""

    at: float
    seen: str = ""
    lost: set[str] = field(default_factory=set)


class Fault:
    name: str
    # It strikes when so little of the first pass is left.
    remaining_mib_max: float = limits.STRIKE_REMAINING_MIB_MAX
    # Whether somebody who could settle a doubt is away until `mend`.
    leaves_a_gap = False

    def strike(self, scene: Scene, copy: Copy) -> Strike:
        raise NotImplementedError

    def go_on(self, scene: Scene, copy: Copy) -> None:
        pass

    def mend(self, scene: Scene, copy: Copy, strike: Strike) -> None:
        pass


class InitiatorKilled(Fault):
    """The node whose overload started the ISP is its initiator, and the source of the guest."""

    def __init__(self, restarts: bool) -> None:
        self.restarts = restarts
        self.leaves_a_gap = not restarts
        self.name = f"initiator-killed{'-restarts' if restarts else ''}"

    def strike(self, scene: Scene, copy: Copy) -> Strike:
        scene.daemons[copy.source].kill()
        return Strike(time.monotonic())

    def go_on(self, scene: Scene, copy: Copy) -> None:
        if self.restarts:
            scene.start_daemon(copy.source)

    def mend(self, scene: Scene, copy: Copy, strike: Strike) -> None:
        if not self.restarts:
            scene.start_daemon(copy.source)


class LibvirtdKilled(Fault):
    """kill -9 of the destination's libvirtd, which is started again as a service would be."""

    name = "libvirtd-killed"

    def strike(self, scene: Scene, copy: Copy) -> Strike:
        if not scene.lab.stop_libvirtd(copy.destination, stay=False):
            raise LabError(f"{copy.destination} had no libvirtd")
        return Strike(time.monotonic())

    def go_on(self, scene: Scene, copy: Copy) -> None:
        scene.host(copy.destination).wait_for_libvirtd()


class LibvirtdStalled(Fault):
    """SIGSTOP of the destination's libvirtd, SIGCONT half a minute later: what leaves two running copies with libvirt
    alone."""

    name = "libvirtd-stalled"

    def strike(self, scene: Scene, copy: Copy) -> Strike:
        scene.host(copy.destination).signal_libvirtd(signal.SIGSTOP)
        return Strike(time.monotonic())

    def go_on(self, scene: Scene, copy: Copy) -> None:
        time.sleep(limits.STALL)
        scene.host(copy.destination).signal_libvirtd(signal.SIGCONT)


class LinkCut(Fault):
    """The destination's network link."""

    name = "link-cut"
    leaves_a_gap = True

    def strike(self, scene: Scene, copy: Copy) -> Strike:
        network.set_link(scene.settings, copy.destination, up=False)
        return Strike(time.monotonic())

    def mend(self, scene: Scene, copy: Copy, strike: Strike) -> None:
        network.set_link(scene.settings, copy.destination, up=True)


class HostCrashed(Fault):
    """A power failure of the destination, which takes the guests that ran there."""

    name = "host-crashed"
    leaves_a_gap = True

    def strike(self, scene: Scene, copy: Copy) -> Strike:
        lost = {name for name, place in scene.places().items() if place == copy.destination}
        scene.host(copy.destination).power_off()
        return Strike(time.monotonic(), lost=lost)

    def mend(self, scene: Scene, copy: Copy, strike: Strike) -> None:
        scene.daemons[copy.destination].reap()
        scene.lab.boot(copy.destination)
        for name in sorted(strike.lost, key=guests.natural_order):
            scene.add_guest(name, scene.host(copy.destination))
        scene.wait_for_guests()
        scene.start_daemon(copy.destination)


class AgentKilledInHandover(Fault):
    """kill -9 of one agent at a known point of the two-phase handover.

    The point is reached by stopping those who would go past it, while libvirt copies on: between arrival and let-go the
    source's agent (it would let go) and the destination's (it would find out at the source's libvirt that nobody can
    resume the other copy); between let-go and resume the destination's alone."""

    remaining_mib_max = limits.HANDOVER_REMAINING_MIB_MAX
    POINTS = ("arrived", "let-go")

    def __init__(self, point: str, killed: str, restarts: bool) -> None:
        self.point, self.killed, self.restarts = point, killed, restarts
        self.leaves_a_gap = not restarts
        self.name = f"{point}-{killed}-killed{'-restarts' if restarts else ''}"

    def strike(self, scene: Scene, copy: Copy) -> Strike:
        source = scene.daemons[copy.source]
        told = max((event["sequence"] for event in source.events()), default=0)
        stopped = [copy.destination] if self.point == "let-go" else [copy.source, copy.destination]
        for name in stopped:
            scene.daemons[name].signal(signal.SIGSTOP)
        struck_at = time.monotonic()
        wait_until(f"{copy.vm} has arrived on {copy.destination}", limits.SLOW_MIGRATION_MAX,
                   lambda: self._has_arrived(scene, copy))
        if self.point == "let-go":
            wait_until(f"{copy.source} lets {copy.vm} go", limits.SETTLE_MAX,
                       lambda: any(_is_let_go(event) for event in source.events(copy.vm, after=told)))
        victim = self._victim(copy)
        scene.daemons[victim].kill()
        if not self._has_arrived(scene, copy):
            raise LabError(f"{copy.vm} did not stand paused on {copy.destination} when {victim}'s agent was killed")
        for name in stopped:
            if name != victim:
                scene.daemons[name].signal(signal.SIGCONT)
        return Strike(struck_at, seen=f"{copy.destination}: paused")

    @staticmethod
    def _has_arrived(scene: Scene, copy: Copy) -> bool:
        """Paused on the destination, and no process on the source."""
        found = {entry.host.name: entry for entry in guests.survey(scene.hosts).get(copy.vm, [])}
        there, here = found.get(copy.destination), found.get(copy.source)
        return there is not None and (there.libvirt, there.reason, there.qemu) == ("paused", "user", 1) \
            and here is not None and here.qemu == 0

    def go_on(self, scene: Scene, copy: Copy) -> None:
        if self.restarts:
            scene.start_daemon(self._victim(copy))

    def mend(self, scene: Scene, copy: Copy, strike: Strike) -> None:
        if not self.restarts:
            scene.start_daemon(self._victim(copy))

    def _victim(self, copy: Copy) -> str:
        return copy.source if self.killed == "source" else copy.destination


def _is_let_go(event: dict) -> bool:
    return event["kind"] == "handover" and event["text"].endswith("source: letGo")


ALL: list[Fault] = [
    InitiatorKilled(restarts=False), InitiatorKilled(restarts=True), LibvirtdKilled(), LinkCut(), HostCrashed(),
    LibvirtdStalled(),
    *(AgentKilledInHandover(point, killed, restarts) for point in AgentKilledInHandover.POINTS
      for killed in ("source", "destination") for restarts in (False, True)),
]
BY_NAME = {fault.name: fault for fault in ALL}
# Few enough for every change, and one of each sort: an agent, libvirt's split-brain, a point of the handover.
SHORT = [BY_NAME[name]
         for name in ("initiator-killed-restarts", "libvirtd-stalled", "let-go-destination-killed-restarts")]
