"""What a ring is made of: nodes with modelled hosts, the guests on them, and the settings that they share."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from pathlib import Path

from .programs import RingError


@dataclass(frozen=True)
class Guest:
    name: str
    cpu: int  # millicores wanted
    memory: int  # MiB
    dirty: int = 0  # MiB per second written to memory

    def argument(self) -> str:
        """As `modelled-host` takes it."""
        return f"{self.name}:cpu={self.cpu},memory={self.memory},dirty={self.dirty}"


@dataclass(frozen=True)
class Node:
    name: str
    cpu: int  # millicores
    memory: int  # MiB
    link_mbps: int
    guests: tuple[Guest, ...] = ()

    @property
    def load(self) -> int:
        """What its guests want, in millicores."""
        return sum(guest.cpu for guest in self.guests)


@dataclass(frozen=True)
class Shape:
    """A ring in its order. `settings` are further keys of the config file, as nested dictionaries."""

    cluster: str
    nodes: tuple[Node, ...]
    settings: dict = field(default_factory=dict)

    def config(self, ports: list[int]) -> str:
        """The config file of all its nodes. JSON is YAML as well."""
        links = {node.link_mbps for node in self.nodes}
        if len(links) != 1:
            raise RingError(f"the nodes have links of different speed: {sorted(links)}")
        return json.dumps({
            "cluster": self.cluster,
            "ring": {"order": "listed", "nodes": [
                {"id": node.name, "address": f"127.0.0.1:{port}"} for node, port in zip(self.nodes, ports)]},
            "control_socket": "{node}.sock",
            "state_dir": "state/{node}",
            "mode": "auto",
            "hypervisor": {"modelled": {"socket": "{node}.host"}},
            "reserve": {"cpu": "0", "memory": "0MiB"},
            "link": f"{links.pop()}Mbit/s",
        } | self.settings, indent=2) + "\n"


def node_names(count: int) -> list[str]:
    """n1, n2 … with as many digits as the last one needs, so that their order is that of the alphabet."""
    digits = len(str(count))
    return [f"n{number:0{digits}}" for number in range(1, count + 1)]


def free_ports(count: int) -> list[int]:
    """TCP ports of the loopback address that nobody has at this moment, all different.

    They lie below those that the kernel gives to outgoing connections: the daemons that are up already make such, and
    would take the ports of those to come."""
    low, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    held: list[socket.socket] = []
    try:
        for port in range(low - 1, 1024, -1):
            if len(held) == count:
                break
            candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
            else:
                held.append(candidate)
        if len(held) < count:
            raise RingError(f"only {len(held)} TCP ports between 1024 and {low} are free, {count} are needed")
        return [candidate.getsockname()[1] for candidate in held]
    finally:
        for candidate in held:
            candidate.close()
