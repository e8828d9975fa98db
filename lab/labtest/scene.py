"""The stage: a lab with guests and daemons, what the test does to them, and what it reads from them.

What is read here about guests comes from libvirt, from the process list and from the guests, never from a daemon."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from dvmslab import guests
from dvmslab.guests import Registry
from dvmslab.host import Host
from dvmslab.lab import Lab
from dvmslab.machine import processes
from dvmslab.settings import GUEST_MEMORY_MIB_DEFAULT, LabError, Settings

from . import limits
from .daemons import Daemon, Profile, start
from .waiting import wait_until


class Scene:
    def __init__(self, settings: Settings, program: Path, kept_logs: Path) -> None:
        self.settings = settings
        self.lab = Lab(settings)
        self.program = program
        self.kept_logs = kept_logs
        self.hosts: list[Host] = []
        self.daemons: dict[str, Daemon] = {}
        self.profile: Profile | None = None

    # Building and removing

    def build(self) -> None:
        """A new lab with all its guests, without daemons. Whatever bears its name is removed first."""
        self.lab.down()
        self.lab.up(limits.HOSTS, tls=True, ssh=False)
        self.hosts = self.lab.hosts()
        self.daemons = {host.name: Daemon(host, self.program) for host in self.hosts}
        self.profile = None
        for number, name in enumerate(limits.GUEST_NAMES):
            self.add_guest(name, self.hosts[number % limits.HOSTS])
        self.wait_for_guests()

    def add_guest(self, name: str, host: Host) -> None:
        """Defines a guest that is new, and starts it."""
        registry = Registry(self.settings)
        guest = registry.get(name)
        if guest is None:
            guest = registry.add(name, GUEST_MEMORY_MIB_DEFAULT, 0)
        host.virsh("define", "/dev/stdin", stdin=guest.xml(self.settings),
                   seconds_max=limits.GUEST_START_MAX)
        host.virsh("start", name, seconds_max=limits.GUEST_START_MAX)

    def wait_for_guests(self) -> None:
        """Returns when every guest answers."""
        for name in limits.GUEST_NAMES:
            wait_until(f"{name} answers", limits.GUESTS_READY_MAX, lambda: self.counters(name) is not None)

    def use(self, profile: Profile) -> None:
        """Has every daemon run with this profile; stops those that run with another."""
        if self.profile == profile:
            return
        for daemon in self.daemons.values():
            daemon.stop()
        self.profile = profile
        self.config.write_text(profile.config(self.settings))
        start(list(self.daemons.values()), self.config)
        self.wait_for_ring()

    @property
    def config(self) -> Path:
        return self.settings.run / "dvms.yaml"

    def start_daemon(self, name: str) -> None:
        start([self.daemons[name]], self.config)

    def wait_for_ring(self) -> None:
        """Returns when every daemon knows every other and its own hypervisor."""
        def missing() -> list[str]:
            reasons = []
            for name, daemon in self.daemons.items():
                status = daemon.status()
                if status is None:
                    reasons.append(f"{name} does not answer")
                elif status["hypervisor"] is None or status["live_members"] != limits.HOSTS:
                    reasons.append(f"{name} knows {status['live_members']} members, libvirt {status['hypervisor']}")
            return reasons

        wait_until("the ring is complete", limits.RING_COMPLETE_MAX, lambda: not missing(),
                   why_not=lambda: "; ".join(missing()))

    def remove(self) -> None:
        self.lab.down()

    def keep_logs(self, name: str) -> Path:
        """Copies every log and journal to where `down` does not remove it."""
        folder = self.kept_logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
        folder.mkdir(parents=True)
        for host in self.hosts:
            for part in ("log", "lib/dvms"):
                source = host.directory / part
                if source.is_dir():
                    shutil.copytree(source, folder / host.name / part, ignore_dangling_symlinks=True)
        if self.config.exists():
            shutil.copy(self.config, folder)
        return folder

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def live_daemons(self) -> list[Daemon]:
        groups = processes()
        return [daemon for daemon in self.daemons.values()
                if any(process.program.split("/")[-1].startswith("dvmsd") and process.state != "T"
                       for process in groups.get(daemon.host.namespace, []))]

    # Guests

    def places(self) -> dict[str, str]:
        """The host on which libvirt runs each guest; those that run nowhere, or twice, are missing."""
        found = {}
        for name, copies in guests.survey(self.hosts).items():
            running = [copy.host.name for copy in copies if copy.qemu and copy.libvirt == "running"]
            if len(running) == 1:
                found[name] = running[0]
        return found

    def holders(self, name: str) -> list[str]:
        """The hosts that have a QEMU process of this guest."""
        groups = processes()
        return [host.name for host in self.hosts
                if any(process.is_guest() and process.guest_name() == name
                       for process in groups.get(host.namespace, []))]

    def counters(self, name: str, reset: bool = False) -> dict | None:
        """What a guest says of itself; None when it does not answer, or runs nowhere or twice."""
        try:
            return guests.counters(guests.find(self.hosts, name), name, reset)
        except (LabError, TimeoutError):
            return None

    def reset_counters(self) -> dict[str, int]:
        """Starts every guest's longest gap and time stopped anew, and returns how many ticks each has counted."""
        def reset(name: str) -> dict:
            return wait_until(f"{name} answers", limits.GUEST_ANSWER_MAX, lambda: self.counters(name, reset=True))

        return {name: reset(name)["ticks"] for name in limits.GUEST_NAMES}

    def make_busy(self, names: list[str]) -> None:
        """Raises the load inside these guests; they write memory as well."""
        for name in names:
            host = guests.find(self.hosts, name)
            guests.ask(host, name, "lab-load", percent=limits.LOAD_PERCENT)
            guests.ask(host, name, "lab-dirty", seconds_max=guests.VERIFY_SECONDS_MAX, kibps=limits.DIRTY_KIBPS,
                       mib=limits.DIRTY_MIB)

    def renew_memory(self, name: str) -> None:
        """Has a guest fill its region anew, whatever stood in it."""
        host = guests.find(self.hosts, name)
        for mib in (limits.DIRTY_MIB + 1, limits.DIRTY_MIB):
            guests.ask(host, name, "lab-dirty", seconds_max=guests.VERIFY_SECONDS_MAX, kibps=0, mib=mib)

    def make_idle(self, names: list[str]) -> list[str]:
        """Ends the load of these guests, and returns those that cannot be told now."""
        left = []
        for name in names:
            try:
                host = guests.find(self.hosts, name)
                guests.ask(host, name, "lab-load", percent=0)
                guests.ask(host, name, "lab-dirty", seconds_max=guests.VERIFY_SECONDS_MAX, kibps=0,
                           mib=limits.DIRTY_MIB)
            except (LabError, TimeoutError):
                left.append(name)
        return left

    def choose_busy(self) -> tuple[str, list[str]]:
        """The host with the most guests, and those of them that are to become busy."""
        places = self.places()
        counts = {host.name: sorted((name for name, place in places.items() if place == host.name),
                                    key=guests.natural_order) for host in self.hosts}
        source = max(counts, key=lambda name: len(counts[name]))
        return source, counts[source][:limits.BUSY_GUESTS]

    # What the daemons say of their reservations and doubts: to know when the ring is done, not to judge guests

    def in_doubt(self) -> set[str]:
        """The guests that some live daemon lists as in doubt."""
        found = set()
        for daemon in self.live_daemons():
            for doubt in (daemon.status() or {}).get("in_doubt", []):
                found.add(doubt["vm"])
        return found

    def engagements(self) -> list[str]:
        """Why the live daemons are not all free; empty when they are."""
        reasons = []
        for daemon in self.live_daemons():
            status = daemon.status()
            if status is None:
                reasons.append(f"{daemon.name} does not answer")
            elif status["reservation"] != "free" or status["flights"]:
                reasons.append(f"{daemon.name} is {status['reservation']}, {status['flights']} flights")
        return reasons

    def wait_until_quiet(self) -> None:
        """Returns when all daemons are there and free, no trigger holds, and nothing is in doubt."""
        def reasons() -> list[str]:
            found = self.engagements()
            for name, daemon in self.daemons.items():
                status = daemon.status()
                if status is None:
                    found.append(f"{name} does not answer")
                elif status["triggers"] or status["in_doubt"] or status["hypervisor"] is None \
                        or status["live_members"] != limits.HOSTS:
                    found.append(f"{name}: triggers {status['triggers']}, in doubt {status['in_doubt']}, "
                                 f"{status['live_members']} members")
            return found

        wait_until("the ring is quiet", limits.QUIET_MAX, lambda: not reasons(), pause=0.5,
                   why_not=lambda: "; ".join(reasons()))
