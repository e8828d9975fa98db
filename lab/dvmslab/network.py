"""Wires of the lab: one switch, one link per host, nothing that leads out of it."""

from __future__ import annotations

import json
import re

from .machine import NAMESPACES, run
from .settings import LabError, Settings

RATE = re.compile(r"\d+(\.\d+)?([kmg]i?)?(bit|bps)", re.IGNORECASE)
# Room for one burst of TCP segmentation offload; smaller buckets starve slow links.
BURST = "256kb"
QUEUE_LATENCY = "50ms"


def _ip(namespace: str, *lines: str) -> None:
    run("ip", "-n", namespace, "-batch", "-", stdin="\n".join(lines) + "\n")


def namespaces(settings: Settings) -> list[str]:
    if not NAMESPACES.is_dir():
        return []
    return sorted(entry.name for entry in NAMESPACES.iterdir() if entry.name.startswith(f"{settings.name}-"))


def create_switch(settings: Settings) -> None:
    run("ip", "netns", "add", settings.switch)
    _ip(settings.switch, "link set lo up", "link add switch type bridge", "link set switch up")


def give_switch_an_address(settings: Settings, address: str) -> None:
    _ip(settings.switch, f"address add {address}/16 dev switch")


def create_host(settings: Settings, host: str, address: str) -> None:
    """The host's namespace with a bridge of its own, which bears the address and takes guests, wired to the switch."""
    namespace = settings.namespace(host)
    run("ip", "netns", "add", namespace)
    _ip(settings.switch, f"link add {host} type veth peer name eth0 netns {namespace}",
        f"link set {host} master switch up")
    _ip(namespace, "link set lo up", "link add br0 type bridge", "link set eth0 master br0 up",
        f"address add {address}/16 dev br0", "link set br0 up")


def remove(namespace: str) -> None:
    run("ip", "netns", "delete", namespace)


def set_link(settings: Settings, host: str, up: bool) -> None:
    _ip(settings.switch, f"link set {host} {'up' if up else 'down'}")


def link_is_up(settings: Settings, host: str) -> bool:
    described = json.loads(run("ip", "-n", settings.switch, "-json", "link", "show", host))
    return "UP" in described[0]["flags"]


def set_rate(settings: Settings, host: str, rate: str | None) -> None:
    """Limits both directions of the host's link. None lifts the limit."""
    if rate is not None and not RATE.fullmatch(rate):
        raise LabError(f"{rate} is not a rate; write it as 100mbit, 800kbit, 1gbit, or off")
    for namespace, device in ((settings.switch, host), (settings.namespace(host), "eth0")):
        if rate is not None:
            run("tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", "tbf", "rate", rate,
                "burst", BURST, "latency", QUEUE_LATENCY)
        elif _rate_of(namespace, device) is not None:
            run("tc", "-n", namespace, "qdisc", "delete", "dev", device, "root")


def rate_of(settings: Settings, host: str) -> int | None:
    """Limit of the link in bits per second; None when there is none."""
    return _rate_of(settings.switch, host)


def _rate_of(namespace: str, device: str) -> int | None:
    for discipline in json.loads(run("tc", "-n", namespace, "-json", "qdisc", "show", "dev", device) or "[]"):
        if discipline.get("kind") == "tbf":
            return int(discipline["options"]["rate"]) * 8
    return None
