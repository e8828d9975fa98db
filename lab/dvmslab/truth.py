"""Where every guest really is, from three sources that do not trust each other.

Every libvirtd is asked, QEMU processes are counted in the machine's process list, and the guests themselves are asked
through a channel of their own. A copy runs when the guest answers there; when it is silent, libvirt's word counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from .guests import Copy, Registry, counters, memory, natural_order, nowhere, survey
from .host import Host
from .settings import LabError, Settings

# Enough for every guest of a usual lab at once; each one only waits.
ASKERS_MAX = 32


def _ask_copy(name: str, copy: Copy, verify: bool) -> dict | None:
    """Counters and memory of one copy; None when it does not answer. A paused copy is not asked: what is written to its
    channel would lie in its memory until it is resumed."""
    if copy.qemu == 0 or copy.libvirt not in ("running", "no answer", "absent"):
        return None
    try:
        answer = counters(copy.host, name)
        if verify:
            answer["memory"] = memory(copy.host, name)
        return answer
    except (TimeoutError, LabError):
        return None


def _verdict(copies: list[dict]) -> str:
    running = sum(max(1, copy["qemu"]) for copy in copies if copy["runs"] == "yes")
    perhaps = sum(1 for copy in copies if copy["runs"] == "unknown")
    if running > 1:
        return "twice"
    if perhaps:
        return "unclear"
    if running == 1:
        return "once"
    return "paused" if any(copy["qemu"] for copy in copies) else "absent"


def _judge(copy: Copy, guest: dict | None) -> dict:
    if guest is not None or (copy.qemu and copy.libvirt == "running"):
        runs = "yes"
    elif copy.qemu and copy.libvirt in ("no answer", "absent"):
        runs = "unknown"
    else:
        runs = "no"
    return {"host": copy.host.name, "libvirt": copy.libvirt, "reason": copy.reason, "qemu": copy.qemu, "runs": runs,
            "guest": guest}


def truth(settings: Settings, hosts: list[Host], verify: bool) -> dict:
    """One entry per guest that was added or found, with what each host says about it."""
    found = survey(hosts)
    names = sorted({*Registry(settings).names(), *found}, key=natural_order)
    places = [(name, copy) for name in names for copy in found.get(name) or nowhere(hosts)]
    with ThreadPoolExecutor(max_workers=ASKERS_MAX) as pool:
        answers = list(pool.map(lambda place: _ask_copy(*place, verify), places))
    guests = []
    for name in names:
        copies = [_judge(copy, answer) for (owner, copy), answer in zip(places, answers) if owner == name]
        guests.append({"name": name, "verdict": _verdict(copies), "hosts": copies})
    return {"lab": settings.name, "guests": guests}


def is_sound(report: dict) -> bool:
    """No guest runs twice, and no memory that was verified is damaged."""
    return all(guest["verdict"] != "twice" for guest in report["guests"]) and all(
        copy["guest"]["memory"]["intact"]
        for guest in report["guests"] for copy in guest["hosts"]
        if copy["guest"] and "memory" in copy["guest"])
