"""Bare hosts: a Debian of their own with an sshd, and nothing of libvirt or QEMU; and where they get packages from."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import network, secureshell
from .host import Host
from .machine import ControlGroups, remove_groups, run, unified_groups
from .settings import LabError, Settings

# From the start of a first process to an sshd that accepts; systemd takes longer on a busy core.
START_SECONDS_MAX = 60
REPOSITORY_SECONDS_MAX = 15
REPOSITORY_NUMBER = 254
LOOK_SECONDS = 0.1
SSH_PORT = 22
HTTP_PORT = 80
# What each kind of host has as its root, top first: folders of `bare/make`.
LAYERS = {"sshd": ("root",), "systemd": ("systemd", "root")}


def need_make(settings: Settings) -> None:
    if not (settings.cache / "bare/stamp").exists():
        raise LabError(f"{settings.cache / 'bare'} is missing; run lab/bare/make first")


def _accepts(namespace: str, address: str, port: int) -> bool:
    try:
        run("nsenter", f"--net=/run/netns/{namespace}", "bash", "-c", f": </dev/tcp/{address}/{port}")
        return True
    except LabError:
        return False


def _wait_until_accepted(what: str, namespace: str, address: str, port: int, seconds_max: float) -> None:
    deadline = time.monotonic() + seconds_max
    while not _accepts(namespace, address, port):
        if time.monotonic() > deadline:
            raise LabError(f"{what} does not answer within {seconds_max:g} s")
        time.sleep(LOOK_SECONDS)


def serve_packages(settings: Settings) -> None:
    """An apt repository at the switch, which is the only one that bare hosts reach. It ends with the lab."""
    address = settings.address(REPOSITORY_NUMBER)
    network.give_switch_an_address(settings, address)
    with open(settings.run / "packages.log", "ab") as log:
        subprocess.Popen(["nsenter", f"--net=/run/netns/{settings.switch}", "/usr/bin/python3", "-m", "http.server",
                          "--bind", address, "--directory", str(settings.cache / "bare/packages"), str(HTTP_PORT)],
                         stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
    _wait_until_accepted("the repository of packages", settings.switch, address, HTTP_PORT, REPOSITORY_SECONDS_MAX)


def remove(settings: Settings) -> None:
    """Gives back the memory that bears hosts' disks, and control groups that a systemd made."""
    if (unified := unified_groups()) is not None:
        remove_groups(unified / settings.name)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1]
        if Path(place).is_relative_to(settings.run):
            run("umount", "--lazy", place)


@dataclass(frozen=True)
class BareHost(Host):
    kind: str  # a key of LAYERS

    @property
    def disk(self) -> Path:
        """What the host wrote, over the layers that all have in common."""
        return self.directory / "disk"

    @property
    def _layers(self) -> str:
        return ":".join(str(self.settings.cache / "bare" / layer) for layer in LAYERS[self.kind])

    def create(self, hosts: int, tls: bool, ssh: bool) -> None:
        for folder in ("log", "root", "disk"):
            (self.directory / folder).mkdir(parents=True)
        self._make_disk()
        self._write_files(hosts)
        network.create_host(self.settings, self.name, self.address)
        ControlGroups(self.settings).create(self.name)
        if self.kind == "systemd" and unified_groups() is None:
            raise LabError("no control groups of version 2 are mounted here, which systemd needs; use --bare alone")

    def _make_disk(self) -> None:
        """Some file systems, another overlay among them, cannot bear what an overlay writes: then memory does."""
        try:
            self._try_overlay()
        except LabError:
            shutil.rmtree(self.disk)
            self.disk.mkdir()
            run("mount", "-t", "tmpfs", "-o", "mode=755", "lab", str(self.disk))
            self._try_overlay()

    def _try_overlay(self) -> None:
        for folder in ("upper", "work"):
            (self.disk / folder).mkdir()
        run("unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={self._layers},upperdir={self.disk}/upper,workdir={self.disk}/work", str(self.directory / "root"))

    def _write_files(self, hosts: int) -> None:
        upper = self.disk / "upper"
        (upper / "etc/apt").mkdir(parents=True)
        names = [f"{self.settings.address(number)} h{number}" for number in range(1, hosts + 1)]
        (upper / "etc/hosts").write_text("\n".join(["127.0.0.1 localhost", *names]) + "\n")
        (upper / "etc/hostname").write_text(self.name + "\n")
        (upper / "etc/machine-id").write_text(self._uuid("machine").hex + "\n")
        (upper / "etc/apt/sources.list").write_text(
            f"deb [trusted=yes] http://{self.settings.address(REPOSITORY_NUMBER)} ./\n")
        secureshell.let_in(self.settings.run / "ssh", self.name, self.address, upper)

    @property
    def _group(self) -> Path | None:
        """The control group that a host's systemd has for its root."""
        unified = unified_groups() if self.kind == "systemd" else None
        return unified and unified / self.settings.name / self.name

    def power_on(self) -> None:
        if self._group is not None:
            remove_groups(self._group)
            self._group.mkdir(parents=True)
        super().power_on()

    def _join_groups(self) -> None:
        super()._join_groups()
        if self._group is not None:
            (self._group / "cgroup.procs").write_text("0")

    def _command(self) -> list[str]:
        return ["unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child=KILL",
                str(self.settings.source / "bare/init"), str(self.directory), self.name, self._layers, self.kind]

    def wait_until_up(self) -> None:
        """Returns when the sshd accepts."""
        try:
            _wait_until_accepted(f"the sshd of {self.name}", self.namespace, self.address, SSH_PORT, START_SECONDS_MAX)
        except LabError as error:
            raise LabError(f"{error}; see {self.directory}/log/init.log, then run `lab down`") from None
