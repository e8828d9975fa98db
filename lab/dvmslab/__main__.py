"""The command line: one function per verb, each returning the exit code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time

from . import damage, guests, network, report, truth
from .guests import Registry
from .lab import Lab
from .machine import ControlGroups, run_inside
from .settings import (GUEST_MEMORY_MIB_DEFAULT, GUEST_MEMORY_MIB_MAX, GUEST_MEMORY_MIB_MIN, GUEST_NAME, LabError,
                       Settings)

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_UNSOUND = 3  # a guest runs twice, or its memory is damaged
READY_SECONDS_DEFAULT = 180


def show(value: dict | list, as_json: bool, text: str) -> int:
    print(json.dumps(value) if as_json else text)
    return EXIT_DONE


def up(lab: Lab, options: argparse.Namespace) -> int:
    begin = time.monotonic()
    kind = "systemd" if options.systemd else "sshd" if options.bare else ""
    if kind and options.tls:
        raise LabError("bare hosts have no libvirtd that --tls could be for")
    with lab.alone():
        new = lab.up(options.hosts, options.tls, options.ssh or bool(kind), kind)
    print(f"{options.hosts} hosts are up ({time.monotonic() - begin:.1f} s)" if new
          else f"{options.hosts} hosts were up already")
    return EXIT_DONE


def down(lab: Lab, _: argparse.Namespace) -> int:
    with lab.alone():
        lab.down()
    print("down")
    return EXIT_DONE


def status(lab: Lab, options: argparse.Namespace) -> int:
    found = lab.status()
    return show(found, options.json, report.status(found))


def list_guests(lab: Lab, options: argparse.Namespace) -> int:
    found = lab.status()
    return show(found["guests"], options.json, report.guests(found))


def guest_add(lab: Lab, options: argparse.Namespace) -> int:
    if not GUEST_NAME.fullmatch(options.name):
        raise LabError(f"{options.name} is no guest name: use a-z, 0-9 and -, a letter first, 31 at most")
    if not GUEST_MEMORY_MIB_MIN <= options.memory <= GUEST_MEMORY_MIB_MAX:
        raise LabError(f"--memory {options.memory}: a guest has {GUEST_MEMORY_MIB_MIN} to {GUEST_MEMORY_MIB_MAX} MiB")
    host = lab.running_host(options.host)
    with lab.alone():
        copies = guests.survey(lab.hosts()).get(options.name, [])
        for copy in copies:
            if copy.qemu or copy.libvirt in ("running", "paused"):
                print(f"{options.name} is on {copy.host.name} already ({copy.libvirt})")
                return EXIT_DONE
            if copy.libvirt == "shut off" and copy.host != host:
                raise LabError(f"{options.name} is defined on {copy.host.name}: add it with --host {copy.host.name}, "
                               f"or run `lab guest remove {options.name}` first")
        registry = Registry(lab.settings)
        guest = registry.get(options.name) or registry.add(options.name, options.memory, options.load)
        if not any(copy.libvirt == "shut off" for copy in copies):
            host.virsh("define", "/dev/stdin", stdin=guest.xml(lab.settings))
        host.virsh("start", guest.name, seconds_max=30)
    print(f"{guest.name} starts on {host.name}; `lab wait-ready {guest.name}` waits until it runs")
    return EXIT_DONE


def guest_remove(lab: Lab, options: argparse.Namespace) -> int:
    with lab.alone():
        for copy in guests.survey(lab.hosts()).get(options.name, []):
            if copy.qemu or copy.libvirt in ("running", "paused"):
                copy.host.virsh("destroy", options.name, seconds_max=30)
            if copy.reason:  # a domain that libvirt knows has one; a transient one is gone by now
                try:
                    copy.host.virsh("undefine", options.name)
                except LabError:
                    pass
        if any(copy.qemu or copy.reason for copy in guests.survey(lab.hosts()).get(options.name, [])):
            raise LabError(f"{options.name} is still there; see `lab where {options.name}`")
        Registry(lab.settings).remove(options.name)
    print(f"{options.name} is gone")
    return EXIT_DONE


def wait_ready(lab: Lab, options: argparse.Namespace) -> int:
    deadline = time.monotonic() + options.timeout
    for name in options.names or Registry(lab.settings).names():
        while True:
            try:
                guests.counters(guests.find(lab.hosts(), name), name)
                break
            except TimeoutError as error:
                if time.monotonic() > deadline:
                    raise LabError(f"{error}; its console is in log/qemu/{name}.console of the host's folder") from None
                time.sleep(0.1)
    return EXIT_DONE


def load(lab: Lab, options: argparse.Namespace) -> int:
    host = guests.find(lab.hosts(), options.name)
    guests.ask(host, options.name, "lab-load", percent=options.percent)
    print(f"{options.name} on {host.name}: load {options.percent} %")
    return EXIT_DONE


def dirty(lab: Lab, options: argparse.Namespace) -> int:
    host = guests.find(lab.hosts(), options.name)
    # A larger region is filled before the guest answers.
    guests.ask(host, options.name, "lab-dirty", seconds_max=guests.VERIFY_SECONDS_MAX, kibps=options.kibps,
               mib=options.mib)
    print(f"{options.name} on {host.name}: writes {options.kibps} KiB/s over {options.mib} MiB")
    return EXIT_DONE


def stat(lab: Lab, options: argparse.Namespace) -> int:
    host = guests.find(lab.hosts(), options.name)
    found = {"name": options.name, "host": host.name, **guests.counters(host, options.name, options.reset)}
    return show(found, options.json, "\n".join(f"{key:17} {value}" for key, value in found.items()))


def verify(lab: Lab, options: argparse.Namespace) -> int:
    host = guests.find(lab.hosts(), options.name)
    found = {"name": options.name, "host": host.name, **guests.memory(host, options.name)}
    show(found, options.json, f"{options.name} on {host.name}: memory {report.memory(found)}")
    return EXIT_DONE if found["intact"] else EXIT_UNSOUND


def flip_bit(lab: Lab, options: argparse.Namespace) -> int:
    host = guests.find(lab.hosts(), options.name)
    damage.flip_bit(host, options.name)
    print(f"{options.name} on {host.name}: one bit is flipped; `lab dirty {options.name} 0 MIB` mends it "
          "when MIB is another size than now")
    return EXIT_DONE


def where(lab: Lab, options: argparse.Namespace) -> int:
    copies = guests.survey(lab.hosts()).get(options.name) or guests.nowhere(lab.hosts())
    found = [{"host": copy.host.name, "libvirt": copy.libvirt, "reason": copy.reason, "qemu": copy.qemu}
             for copy in copies]
    return show(found, options.json, "\n".join(map(report.place, found)))


def tell_truth(lab: Lab, options: argparse.Namespace) -> int:
    found = truth.truth(lab.settings, lab.hosts(), verify=not options.no_verify)
    show(found, options.json, report.truth(found))
    return EXIT_DONE if truth.is_sound(found) else EXIT_UNSOUND


def cut(lab: Lab, options: argparse.Namespace) -> int:
    network.set_link(lab.settings, lab.host(options.host).name, up=False)
    return EXIT_DONE


def join(lab: Lab, options: argparse.Namespace) -> int:
    network.set_link(lab.settings, lab.host(options.host).name, up=True)
    return EXIT_DONE


def rate(lab: Lab, options: argparse.Namespace) -> int:
    network.set_rate(lab.settings, lab.host(options.host).name, None if options.rate == "off" else options.rate)
    return EXIT_DONE


def cap(lab: Lab, options: argparse.Namespace) -> int:
    most = 100 * (os.cpu_count() or 1)
    if options.percent == "off":
        percent = None
    elif options.percent.isdigit() and ControlGroups.PERCENT_MIN <= int(options.percent) <= most:
        percent = int(options.percent)
    else:
        raise LabError(f"{options.percent}: give {ControlGroups.PERCENT_MIN} to {most} percent of one core, or off")
    ControlGroups(lab.settings).limit(lab.host(options.host).name, percent)
    return EXIT_DONE


def crash(lab: Lab, options: argparse.Namespace) -> int:
    lab.host(options.host).power_off()
    return EXIT_DONE


def boot(lab: Lab, options: argparse.Namespace) -> int:
    with lab.alone():
        if not lab.boot(options.host):
            print(f"{options.host} is on already")
    return EXIT_DONE


def killd(lab: Lab, options: argparse.Namespace) -> int:
    if not lab.stop_libvirtd(options.host, options.stay):
        print(f"{options.host} had no libvirtd")
    return EXIT_DONE


def startd(lab: Lab, options: argparse.Namespace) -> int:
    lab.start_libvirtd(options.host)
    return EXIT_DONE


def stopd(lab: Lab, options: argparse.Namespace) -> int:
    return _signal_libvirtd(lab, options.host, signal.SIGSTOP)


def contd(lab: Lab, options: argparse.Namespace) -> int:
    return _signal_libvirtd(lab, options.host, signal.SIGCONT)


def _signal_libvirtd(lab: Lab, name: str, number: signal.Signals) -> int:
    if not lab.running_host(name).signal_libvirtd(number):
        raise LabError(f"{name} has no libvirtd; start it with `lab startd {name}`")
    return EXIT_DONE


def execute(lab: Lab, options: argparse.Namespace) -> int:
    host = lab.running_host(options.host)
    first = host.first_process()
    if first is None:
        raise LabError(f"{host.name} went off; switch it on with `lab boot {host.name}`")
    ControlGroups(lab.settings).join(host.name)
    return run_inside(first.pid, options.command)


def uri(lab: Lab, options: argparse.Namespace) -> int:
    print(lab.host(options.host).uri)
    return EXIT_DONE


def virsh(lab: Lab, options: argparse.Namespace) -> int:
    host = lab.running_host(options.host)
    os.execvp("virsh", ["virsh", "-c", host.uri, *options.command])


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="lab", description="Several libvirt hosts with real guests on one machine.")
    verbs = top.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, function, text: str, *arguments: str, json_too: bool = False,
             into=verbs) -> argparse.ArgumentParser:
        made = into.add_parser(name, help=text, description=text)
        made.set_defaults(function=function)
        for argument in arguments:
            made.add_argument(argument)
        if json_too:
            made.add_argument("--json", action="store_true", help="print one JSON value")
        return made

    verbs.add_parser("setup", help="install packages, make the guest (once; repeating is quick)")
    made = verb("up", up, "build a lab of N hosts")
    made.add_argument("hosts", type=int, metavar="N")
    made.add_argument("--tls", action="store_true", help="certificates for libvirtd and for migration")
    made.add_argument("--ssh", action="store_true", help="an sshd in each host, and a key for its root")
    made.add_argument("--bare", action="store_true", help="hosts with an sshd and nothing else")
    made.add_argument("--systemd", action="store_true", help="bare hosts with systemd as first process")
    verb("down", down, "remove the lab, whatever state it is in")
    verb("status", status, "hosts and guests", json_too=True)

    guest = verbs.add_parser("guest", help="add or remove a guest").add_subparsers(metavar="add|remove", required=True)
    made = verb("add", guest_add, "define and start a guest", "name", into=guest)
    made.add_argument("--host", required=True)
    made.add_argument("--memory", type=int, default=GUEST_MEMORY_MIB_DEFAULT, metavar="MIB")
    made.add_argument("--load", type=int, default=0, choices=range(101), metavar="PERCENT")
    verb("remove", guest_remove, "end a guest and forget it", "name", into=guest)
    verb("guests", list_guests, "every guest and where it is", json_too=True)
    made = verb("wait-ready", wait_ready, "wait until guests run and answer; all guests when none is named")
    made.add_argument("names", nargs="*", metavar="VM")
    made.add_argument("--timeout", type=float, default=READY_SECONDS_DEFAULT, metavar="SECONDS")
    made = verb("load", load, "set how busy a guest's CPU is, wherever it runs", "name")
    made.add_argument("percent", type=int)
    made = verb("dirty", dirty, "let a guest write KIBPS over a region of MIB; 0 stops it", "name")
    made.add_argument("kibps", type=int)
    made.add_argument("mib", type=int)
    made = verb("stat", stat, "a guest's own counters", "name", json_too=True)
    made.add_argument("--reset", action="store_true", help="start longest gap and time stopped anew, after this")
    verb("verify", verify, "let a guest check its memory", "name", json_too=True)
    verb("damage", flip_bit, "flip one bit of a guest's memory, to prove that a checker sees it", "name")
    verb("where", where, "what every host says about a guest", "name", json_too=True)
    made = verb("truth", tell_truth, "every guest: all libvirtds, QEMU processes, the guest itself", json_too=True)
    made.add_argument("--no-verify", action="store_true", help="leave out the check of memory")

    verb("cut", cut, "cut a host's network link", "host")
    verb("join", join, "mend it", "host")
    verb("crash", crash, "power failure of a host", "host")
    verb("boot", boot, "switch it on again", "host")
    made = verb("killd", killd, "kill -9 a host's libvirtd, which is started again as a service would be", "host")
    made.add_argument("--stay", action="store_true", help="do not start it again before `lab startd`")
    verb("startd", startd, "start libvirtd again and wait for it", "host")
    verb("stopd", stopd, "SIGSTOP a host's libvirtd", "host")
    verb("contd", contd, "SIGCONT it", "host")
    verb("rate", rate, "limit a host's link in both directions: 100mbit, or off", "host", "rate")
    verb("cap", cap, "limit a host's CPU, in percent of one core, or off", "host", "percent")
    verb("uri", uri, "libvirt URI of a host from outside", "host")
    for name, function, text in (("exec", execute, "run a command inside a host"),
                                 ("virsh", virsh, "run virsh against a host from outside")):
        made = verb(name, function, text, "host")
        made.add_argument("command", nargs=argparse.REMAINDER)
    return top


def main() -> int:
    options = parser().parse_args()
    try:
        if os.geteuid() != 0:
            raise LabError("run this as root: it makes namespaces")
        if getattr(options, "command", None) == [] and options.function is execute:
            raise LabError("give a command to run, like `lab exec h1 ip address`")
        return options.function(Lab(Settings.from_environment()), options)
    except (LabError, TimeoutError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
