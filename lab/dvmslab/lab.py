"""The lab as a whole: up, down, and what stands now."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from . import bare, certificates, network, secureshell
from .guests import Registry, natural_order, survey
from .host import Host
from .machine import ControlGroups, kill_namespaces, processes
from .settings import HOSTS_MAX, LabError, Settings, Shape


class Lab:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def shape(self) -> Shape:
        shape = Shape.load(self.settings)
        if shape is None:
            raise LabError("no lab is up; start one with `lab up 4`")
        if not shape.complete:
            raise LabError("the last `lab up` did not finish; run it again, or `lab down`")
        return shape

    def hosts(self) -> list[Host]:
        return self._hosts_of(self.shape())

    def _hosts_of(self, shape: Shape) -> list[Host]:
        numbers = range(1, shape.hosts + 1)
        if shape.bare:
            return [bare.BareHost(self.settings, number, shape.bare) for number in numbers]
        return [Host(self.settings, number) for number in numbers]

    def host(self, name: str) -> Host:
        for host in self.hosts():
            if host.name == name:
                return host
        raise LabError(f"there is no host {name}; this lab has h1 to h{self.shape().hosts}")

    def running_host(self, name: str) -> Host:
        host = self.host(name)
        if host.first_process() is None:
            raise LabError(f"{name} is off; switch it on with `lab boot {name}`")
        return host

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other changes to labs of this program out. The kernel ends it with the process."""
        folder = os.open(self.settings.source, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    # Up and down

    def up(self, count: int, tls: bool, ssh: bool, kind: str = "") -> bool:
        """Builds the lab; with a kind, of bare hosts. False when it stood already; the rest of an unfinished one is removed
        first."""
        if not 1 <= count <= HOSTS_MAX:
            raise LabError(f"{count} hosts: a lab has 1 to {HOSTS_MAX}")
        self.settings.need_setup()
        if kind:
            bare.need_make(self.settings)
        wanted = Shape(count, tls, ssh, complete=True, bare=kind)
        shape = Shape.load(self.settings)
        if shape is not None and shape.complete:
            if shape == wanted:
                return False
            extras = " and ".join(name for name, has in (("TLS", shape.tls), ("ssh", shape.ssh)) if has)
            raise LabError(f"a lab of {shape.hosts} {'bare ' if shape.bare else ''}hosts with "
                           f"{extras or 'neither TLS nor ssh'} is up; run `lab down` first")
        self._refuse_foreign()
        self.down()
        self.settings.run.mkdir(parents=True)
        self.settings.link.symlink_to(self.settings.run)
        replace(wanted, complete=False).save(self.settings)
        Registry(self.settings).directory.mkdir()
        self._build(wanted)
        wanted.save(self.settings)
        return True

    def _build(self, shape: Shape) -> None:
        hosts = self._hosts_of(shape)
        network.create_switch(self.settings)
        if shape.tls:
            certificates.create_authority(self.settings.run / "pki")
        if shape.ssh:
            secureshell.create_user(self.settings.run / "ssh")
        if shape.bare:
            bare.serve_packages(self.settings)
        for host in hosts:
            host.create(len(hosts), shape.tls, shape.ssh)
            host.power_on()
            if not shape.bare and not (self.settings.cache / "capabilities").is_dir():
                # What the first libvirtd finds out about QEMU takes seconds, and holds for all.
                host.wait_for_libvirtd()
                shutil.copytree(host.directory / "cache", self.settings.cache / "capabilities", dirs_exist_ok=True)
        with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
            list(pool.map(lambda host: host.wait_until_up(), hosts))

    def _refuse_foreign(self) -> None:
        link = self.settings.link
        if not link.is_symlink() and not link.exists():
            return
        if not link.is_symlink() or (link.resolve() != self.settings.run and link.resolve().exists()):
            raise LabError(f"{link} is taken (it leads to {link.resolve()}); choose another LAB_NAME, "
                           "and another LAB_NET if guests of both labs shall have addresses of their own")

    def down(self) -> None:
        """Removes everything that bears this lab's name, from whatever state it is in."""
        self._refuse_foreign()
        names = network.namespaces(self.settings)
        kill_namespaces(names)
        for name in names:
            network.remove(name)
        ControlGroups(self.settings).remove()
        bare.remove(self.settings)
        shutil.rmtree(self.settings.run, ignore_errors=True)
        if self.settings.link.is_symlink():
            self.settings.link.unlink()
        try:
            (self.settings.source / "run").rmdir()
        except OSError:
            pass  # never made, or another lab's files are in it

    # What stands

    def status(self) -> dict:
        shape, hosts = self.shape(), self.hosts()
        groups, control = processes(), ControlGroups(self.settings)
        found = survey(hosts)
        return {
            "lab": self.settings.name, "accelerator": self.settings.accelerator(), "tls": shape.tls,
            "hosts": [self._host_status(shape, host, groups.get(host.namespace, []), control) for host in hosts],
            "guests": [{"name": name, "places": [{"host": copy.host.name, "libvirt": copy.libvirt,
                                                  "reason": copy.reason, "qemu": copy.qemu}
                                                 for copy in found.get(name, []) if copy.qemu or copy.reason]}
                       for name in sorted({*Registry(self.settings).names(), *found}, key=natural_order)]}

    def _host_status(self, shape: Shape, host: Host, group: list, control: ControlGroups) -> dict:
        first, libvirtd = host.first_process(group), host.libvirtd(group)
        if first is None:
            state = "off"
        elif libvirtd is None:
            state = "none" if shape.bare else "stays down" if host.stays_down_mark.exists() else "starting"
        else:
            state = "stopped" if libvirtd.state == "T" else "running"
        return {"name": host.name, "address": host.address, "power": "on" if first else "off", "libvirtd": state,
                "link": "up" if network.link_is_up(self.settings, host.name) else "cut",
                "rate_bits_per_second": network.rate_of(self.settings, host.name),
                "cap_percent": control.limit_of(host.name),
                "guests": sum(process.is_guest() for process in group),
                "pid": first.pid if first else None, "libvirtd_pid": libvirtd.pid if libvirtd else None}

    # Faults

    def boot(self, name: str) -> bool:
        host = self.host(name)
        if host.first_process() is not None:
            return False
        host.power_off()  # whatever was left by a first process that died alone
        host.power_on()
        host.wait_until_up()
        return True

    def stop_libvirtd(self, name: str, stay: bool) -> bool:
        host = self.running_host(name)
        if stay:
            host.stays_down_mark.touch()
        return host.signal_libvirtd(signal.SIGKILL)

    def start_libvirtd(self, name: str) -> None:
        host = self.running_host(name)
        host.stays_down_mark.unlink(missing_ok=True)
        host.wait_for_libvirtd()
