"""Guests: how they are defined, where they run, and what they say about themselves."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape

from .host import Host
from .machine import processes
from .settings import GUESTS_MAX, LabError, Settings, write_atomically

ASK_SECONDS_MAX = 3
# 50 MiB under TCG on a busy machine.
VERIFY_SECONDS_MAX = 60
# A starved guest answers late; one of a few answers is usually quick.
SAMPLES_MAX = 5
SAMPLE_NANOSECONDS_GOOD = 1_000_000
NANOSECONDS_PER_MILLISECOND = 1_000_000

# Numbers of virDomainState and its reasons (libvirt-domain.h).
STATES = ["no state", "running", "blocked", "paused", "shutting down", "shut off", "crashed", "suspended"]
REASONS = {
    "running": ["unknown", "booted", "migrated", "restored", "from snapshot", "unpaused", "migration canceled",
                "save canceled", "wakeup", "crashed", "post-copy", "post-copy failed"],
    "paused": ["unknown", "user", "migration", "save", "dump", "I/O error", "watchdog", "from snapshot",
               "shutting down", "snapshot", "crashed", "starting up", "post-copy", "post-copy failed", "API error"],
    "shut off": ["unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from snapshot",
                 "daemon"],
}

# No HPET: the guest leaves one of its timers running at 250 Hz, which doubles what an idle guest costs under TCG.
DOMAIN_XML = """\
<domain type='{type}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{command_line}</cmdline>
  </os>
  <features><acpi/>{features}</features>
  {cpu}
  <clock offset='utc'><timer name='hpet' present='no'/></clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <controller type='virtio-serial' index='0'/>
    <interface type='bridge'>
      <source bridge='br0'/>
      <mac address='{mac}'/>
      <model type='virtio'/>
      <rom enabled='no'/>
    </interface>
    <serial type='file'>
      <source path='/var/log/libvirt/qemu/{name}.console'/>
      <target port='0'/>
    </serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <channel type='unix'>
      <source mode='bind' path='/run/lab/{name}.socket'/>
      <target type='virtio' name='dvms.lab.0'/>
    </channel>
    <memballoon model='virtio'><stats period='2'/></memballoon>
    <video><model type='none'/></video>
  </devices>
</domain>
"""
CPU_XML = {
    "kvm": "<cpu mode='host-passthrough' migratable='on'/>",
    "tcg": "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model></cpu>",
}
# Under TCG the time stamp counter is not trustworthy while the machine is busy, and timer checks at boot fail.
TCG_COMMAND_LINE = " clocksource=acpi_pm tsc=unstable no_timer_check"


@dataclass(frozen=True)
class Guest:
    name: str
    index: int  # gives the address
    memory_mib: int
    load_percent: int

    def xml(self, settings: Settings) -> str:
        accelerator = settings.accelerator()
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.guest.{settings.name}.lab")
        command_line = (f"console=ttyS0 quiet panic=-1 nokaslr mitigations=off lab.load={self.load_percent} "
                        f"lab.address={settings.guest_address(self.index)}/16")
        return DOMAIN_XML.format(
            type="kvm" if accelerator == "kvm" else "qemu", name=self.name, uuid=identity, memory=self.memory_mib,
            kernel=escape(str(settings.cache / "vmlinux")), initrd=escape(str(settings.cache / "initrd.gz")),
            command_line=command_line + (TCG_COMMAND_LINE if accelerator == "tcg" else ""),
            features="<tcg><tb-cache unit='MiB'>32</tb-cache></tcg>" if accelerator == "tcg" else "",
            cpu=CPU_XML[accelerator], mac="52:54:00:%02x:%02x:%02x" % (0x77, self.index >> 8, self.index & 0xFF))


class Registry:
    """The guests that were added to this lab, one file each."""

    def __init__(self, settings: Settings) -> None:
        self.directory = settings.run / "guests"

    def names(self) -> list[str]:
        return sorted((file.stem for file in self.directory.glob("*.json")), key=natural_order)

    def get(self, name: str) -> Guest | None:
        try:
            return Guest(**json.loads((self.directory / f"{name}.json").read_text()))
        except FileNotFoundError:
            return None

    def add(self, name: str, memory_mib: int, load_percent: int) -> Guest:
        taken = {guest.index for guest in map(self.get, self.names()) if guest}
        index = next((index for index in range(GUESTS_MAX) if index not in taken), None)
        if index is None:
            raise LabError(f"a lab has at most {GUESTS_MAX} guests; remove one with `lab guest remove`")
        guest = Guest(name, index, memory_mib, load_percent)
        write_atomically(self.directory / f"{name}.json", json.dumps(guest.__dict__) + "\n")
        return guest

    def remove(self, name: str) -> None:
        (self.directory / f"{name}.json").unlink(missing_ok=True)


def natural_order(name: str) -> tuple[str, int]:
    """Sorts vm2 before vm10."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem):] or 0)


@dataclass(frozen=True)
class Copy:
    """What one host's libvirtd says about a guest, and how many QEMU processes of that name the host runs."""

    host: Host
    libvirt: str  # a state of STATES, or: absent, no answer, off
    reason: str
    qemu: int


def survey(hosts: list[Host]) -> dict[str, list[Copy]]:
    """Asks every libvirtd at the same time, and counts processes. One entry per guest found, with every host in it."""
    groups = processes()
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        answers = list(pool.map(lambda host: _domains(host, groups.get(host.namespace, [])), hosts))
    counts: dict[tuple[str, str], int] = {}
    for host in hosts:
        for process in groups.get(host.namespace, []):
            if process.is_guest():
                key = (process.guest_name() or "", host.name)
                counts[key] = counts.get(key, 0) + 1
    names = {name for answer, _ in answers for name in answer} | {name for name, _ in counts}
    return {name: [Copy(host, *answer.get(name, (fallback, "")), counts.get((name, host.name), 0))
                   for host, (answer, fallback) in zip(hosts, answers)]
            for name in names}


def nowhere(hosts: list[Host]) -> list[Copy]:
    groups = processes()
    return [Copy(host, "absent" if host.first_process(groups.get(host.namespace, [])) else "off", "", 0)
            for host in hosts]


def _domains(host: Host, group: list) -> tuple[dict[str, tuple[str, str]], str]:
    """State and reason of every domain, and the word for those that are not among them."""
    if host.first_process(group) is None:
        return {}, "off"
    try:
        text = host.virsh("domstats", "--state", "--raw", "--nowait")
    except LabError:
        return {}, "no answer"
    found: dict[str, tuple[str, str]] = {}
    name = state = ""
    for line in text.splitlines():
        key, _, value = line.strip().partition("=")
        if line.startswith("Domain:"):
            name = line.split("'")[1]
        elif key == "state.state":
            state = STATES[int(value)] if int(value) < len(STATES) else f"state {value}"
            found[name] = (state, "")
        elif key == "state.reason":
            reasons = REASONS.get(state, [])
            found[name] = (state, reasons[int(value)] if int(value) < len(reasons) else f"reason {value}")
    return found, "absent"


# What guests say

def ask(host: Host, name: str, command: str, seconds_max: float = ASK_SECONDS_MAX, **arguments: int) -> dict:
    """Asks the copy of a guest that runs on this host, past libvirtd.

    Raises TimeoutError when it does not answer (it boots, it is paused, it starves), LabError when it refuses."""
    number = int.from_bytes(os.urandom(4), "big")
    line = json.dumps({"execute": command, "arguments": arguments, "request": number}) + "\n"
    deadline = time.monotonic() + seconds_max
    received = b""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.settimeout(seconds_max)
            client.connect(str(host.volatile / "lab" / f"{name}.socket"))
            client.sendall(line.encode())
            while True:
                client.settimeout(max(0.001, deadline - time.monotonic()))
                received += client.recv(4096) or _hang_up()
                *lines, received = received.split(b"\n")
                for reply in map(json.loads, lines):
                    # Another number: the reply to someone who did not wait for it.
                    if reply.get("request") == number:
                        return _accept(name, reply)
        except OSError as error:  # includes the time-out of the socket
            raise TimeoutError(f"{name} on {host.name} does not answer ({error}); is it booting or paused?") from None


def _hang_up() -> bytes:
    raise ConnectionResetError("its QEMU hung up")


def _accept(name: str, reply: dict) -> dict:
    if "error" in reply:
        raise LabError(f"{name}: {reply['error']['desc']}")
    return reply["return"]


def counters(host: Host, name: str, reset: bool = False) -> dict:
    """The guest's counters, times in milliseconds. `reset` starts longest gap and time stopped anew, afterwards.

    The time stopped takes an outer clock: the guest's own stands still while its machine is stopped."""
    raw, here, error = _best_sample(host, name)
    if raw["host_reference_ns"] == 0:
        stopped, uncertain = 0, error
    else:
        stopped = (here - raw["host_reference_ns"]) - (raw["guest_ns"] - raw["guest_reference_ns"])
        uncertain = error + raw["reference_error_ns"]
    if reset or raw["host_reference_ns"] == 0:
        ask(host, name, "lab-reset", host_ns=here, guest_ns=raw["guest_ns"], error_ns=error)

    def milliseconds(value: int) -> float:
        return round(value / NANOSECONDS_PER_MILLISECOND, 1)

    return {"load_percent": raw["load_percent"], "dirty_kibps": raw["dirty_kibps"], "region_mib": raw["region_mib"],
            "ticks": raw["ticks"], "tick_ms": milliseconds(raw["tick_ns"]), "work": raw["work"],
            "uptime_ms": milliseconds(raw["guest_ns"]), "cpu_ms": milliseconds(raw["cpu_ns"]),
            "longest_gap_ms": milliseconds(raw["longest_gap_ns"]), "stopped_ms": milliseconds(stopped),
            "stopped_error_ms": milliseconds(uncertain)}


def _best_sample(host: Host, name: str) -> tuple[dict, int, int]:
    """Counters, the machine's clock when they were read, and how far that may be off: the quickest of some answers."""
    best = None
    for _ in range(SAMPLES_MAX):
        sent = time.monotonic_ns()
        raw = ask(host, name, "lab-stat")
        half = (time.monotonic_ns() - sent) // 2
        if best is None or half < best[2]:
            best = raw, sent + half, half
        if half <= SAMPLE_NANOSECONDS_GOOD:
            break
    return best


def memory(host: Host, name: str) -> dict:
    """Lets the guest compare its memory with what must stand in it."""
    raw = ask(host, name, "lab-verify", seconds_max=VERIFY_SECONDS_MAX)
    return {**raw, "intact": raw["stale_pages"] == 0 and raw["bad_words"] == 0}


def find(hosts: list[Host], name: str) -> Host:
    """The host on which the guest runs. Raises LabError when it runs nowhere or more than once."""
    groups = processes()
    places = [host for host in hosts
              if any(process.guest_name() == name for process in groups.get(host.namespace, [])
                     if process.is_guest())]
    if len(places) > 1:  # under way between two hosts: only libvirt can say which one has it
        copies = [copy for copy in survey(hosts).get(name, []) if copy.qemu]
        places = [copy.host for copy in copies if copy.libvirt == "running"]
        if not places:
            places = [copy.host for copy in copies if copy.libvirt == "no answer"]
    if not places:
        raise LabError(f"{name} runs nowhere; see `lab where {name}`, start it with `lab guest add {name} --host h1`")
    if len(places) > 1:
        raise LabError(f"{name} runs on {' and '.join(host.name for host in places)} at once; see `lab truth`")
    return places[0]
