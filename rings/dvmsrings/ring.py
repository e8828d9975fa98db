"""A ring of real processes on this machine: a `dvmsd` and a `modelled-host` for each node."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .control import Control, Watch
from .processes import READY_SECONDS_MAX, Child, run
from .programs import Programs, RingError
from .shape import Shape, free_ports

# Processes of one kind that start at the same time: more would only wait for each other.
STARTS_AT_ONCE = 8
TOGETHER_SECONDS_MAX = 60.0
POLL_SECONDS = 0.1
# A UNIX socket's path has at most 107 bytes.
FOLDER_BYTES_MAX = 80


@dataclass(frozen=True)
class HostedGuest:
    """One guest by the word of the modelled host that it is on."""

    node: str
    name: str
    presence: str
    cpu: int  # millicores wanted


class Ring:
    """Starts the processes of a `Shape` in a folder of its own, and ends them whatever happens:

        with Ring(shape, Programs.from_environment()) as ring:
            ring.start()
            print(ring.ask("n1", "status"))

    After an error the folder stays, for its logs, and is named."""

    def __init__(self, shape: Shape, programs: Programs) -> None:
        self.shape = shape
        self.programs = programs
        self.folder = _make_folder(shape.cluster)
        self.config = self.folder / "ring.yaml"
        self.hosts: dict[str, Child] = {}
        self.daemons: dict[str, Child] = {}
        self._controls: dict[str, Control] = {}
        (self.folder / "log").mkdir()

    def __enter__(self) -> "Ring":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        for control in self._controls.values():
            control.close()
        for child in [*self.daemons.values(), *self.hosts.values()]:
            if child.is_running:
                child.kill()
        if kind is None:
            shutil.rmtree(self.folder)
        else:
            print(f"logs, journals and config are kept in {self.folder}", file=sys.stderr)

    # Places

    def control_socket(self, node: str) -> Path:
        return self.folder / f"{node}.sock"

    def host_socket(self, node: str) -> Path:
        return self.folder / f"{node}.host"

    def state(self, node: str) -> Path:
        return self.folder / "state" / node

    @property
    def names(self) -> list[str]:
        return [node.name for node in self.shape.nodes]

    # Starting and ending

    def start(self) -> None:
        """Returns when every daemon sees every other one alive and has asked its hypervisor."""
        self.start_hosts()
        self.start_daemons()
        self.await_together()

    def start_hosts(self) -> None:
        for batch in _batches(self.shape.nodes):
            for node in batch:
                guests = [word for guest in node.guests for word in ("--vm", guest.argument())]
                self.hosts[node.name] = Child(
                    f"modelled-host of {node.name}",
                    [str(self.programs.modelled_host), "--socket", str(self.host_socket(node.name)),
                     "--node", node.name, "--cpu", str(node.cpu), "--memory", str(node.memory),
                     "--link-mbps", str(node.link_mbps), *guests],
                    self.folder / "log" / f"{node.name}.host.log")
            _await_ready(self.hosts[node.name] for node in batch)

    def start_daemons(self) -> None:
        self.config.write_text(self.shape.config(free_ports(len(self.shape.nodes))))
        for batch in _batches(self.names):
            for node in batch:
                self.daemons[node] = Child(
                    f"dvmsd of {node}", [str(self.programs.dvmsd), "--config", str(self.config), "--node", node],
                    self.folder / "log" / f"{node}.log")
            _await_ready(self.daemons[node] for node in batch)

    def await_together(self) -> None:
        """Waits until every daemon sees every other one alive and can be reserved."""
        deadline = time.monotonic() + TOGETHER_SECONDS_MAX
        for node in self.names:
            while True:
                status = self.ask(node, "status")
                if (status["live_members"] == len(self.names) and status["hypervisor"] is not None
                        and status["reservation"] != "recovering"):
                    break
                if time.monotonic() > deadline:
                    raise RingError(f"{node} sees {status['live_members']} of {len(self.names)} members alive, is "
                                    f"{status['reservation']}, hypervisor {status['hypervisor']}")
                time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Ends the daemons in good order, then the hosts. Raises RingError when a daemon does not end with code 0."""
        for control in self._controls.values():
            control.close()
        self._controls = {}
        for daemon in self.daemons.values():
            daemon.signal(signal.SIGTERM)
        for daemon in self.daemons.values():
            if (code := daemon.end()) != 0:
                raise RingError(f"{daemon.name} ended with {code}:\n{daemon.last_words()}")
        for host in self.hosts.values():
            host.kill()

    # Asking

    def control(self, node: str) -> Control:
        """A connection that stays open until the ring is stopped."""
        if node not in self._controls:
            self._controls[node] = Control(node, self.control_socket(node))
        return self._controls[node]

    def ask(self, node: str, verb: str, **arguments: object) -> dict:
        return self.control(node).ask(verb, **arguments)

    def watch(self) -> Watch:
        return Watch({node: self.control_socket(node) for node in self.names})

    def dvms(self, node: str, *words: str) -> str:
        """What `dvms` prints when it asks this node's daemon."""
        return run(self.programs.dvms, "--socket", self.control_socket(node), *words)

    def set_demand(self, node: str, demands: dict[str, int]) -> None:
        """Has guests of a modelled host want this many millicores from now on."""
        run(self.programs.modelled_host, "demand", "--socket", self.host_socket(node),
            *(f"{guest}:cpu={cpu}" for guest, cpu in demands.items()))

    def guests(self) -> list[HostedGuest]:
        """Every copy of every guest, by the word of the modelled hosts."""
        found: list[HostedGuest] = []
        for node in self.names:
            _, *lines = run(self.programs.modelled_host, "guests", "--socket", self.host_socket(node)).splitlines()
            for line in lines:
                name, presence, cpu, *_ = line.split("\t")
                found.append(HostedGuest(node, name, presence, int(cpu)))
        return found

    def check_guests(self) -> None:
        """Raises RingError unless every guest of the shape runs, exactly once, and there is no other."""
        copies: dict[str, list[HostedGuest]] = {guest.name: [] for node in self.shape.nodes for guest in node.guests}
        for guest in self.guests():
            copies.setdefault(guest.name, []).append(guest)
        for name, places in copies.items():
            if [place.presence for place in places] != ["running"]:
                words = ", ".join(f"{place.node}: {place.presence}" for place in places) or "nowhere"
                raise RingError(f"guest {name} should run exactly once; it is {words}")


def _make_folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"dvms-{name}-"))
    if len(str(folder).encode()) > FOLDER_BYTES_MAX:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=f"dvms-{name}-", dir="/tmp"))
    return folder


def _batches(things: Iterable) -> Iterable[list]:
    things = list(things)
    return [things[start:start + STARTS_AT_ONCE] for start in range(0, len(things), STARTS_AT_ONCE)]


def _await_ready(children: Iterable[Child]) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    for child in children:
        child.await_ready(deadline)
