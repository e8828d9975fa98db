"""One host of the lab: its files, its first process, its libvirtd."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import certificates, network, secureshell
from .machine import ControlGroups, Process, kill_namespaces, processes, run
from .settings import LabError, Settings

# A libvirtd that probes QEMU for the first time needs about 4 s of an idle core.
START_SECONDS_MAX = 60
VIRSH_SECONDS_MAX = 5
KEEPALIVE_SECONDS = 2
KEEPALIVE_COUNT = 3
# Debian gives its packages these numbers; libvirtd refuses to start when the names are unknown.
USER_LINE = "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n"
GROUP_LINES = ("libvirt-qemu:x:64055:\n", "kvm:x:64056:\n")


@dataclass(frozen=True)
class Host:
    settings: Settings
    number: int

    @property
    def name(self) -> str:
        return f"h{self.number}"

    @property
    def address(self) -> str:
        return self.settings.address(self.number)

    @property
    def namespace(self) -> str:
        return self.settings.namespace(self.name)

    @property
    def directory(self) -> Path:
        return self.settings.run / self.name

    @property
    def volatile(self) -> Path:
        """The host's /run as seen from outside, by a path short enough for sockets."""
        return self.settings.link / self.name / "run"

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self.volatile}/libvirt/libvirt-sock"

    @property
    def stays_down_mark(self) -> Path:
        return self.directory / "run/lab/libvirtd-stays-down"

    # Files

    def create(self, hosts: int, tls: bool, ssh: bool) -> None:
        """Writes the host's files and wires it. It is not started."""
        for folder in ("lib", "log/qemu", "cache"):
            (self.directory / folder).mkdir(parents=True)
        # A whole private /etc, so that nothing that runs in the host can change the machine's.
        run("cp", "-a", "/etc", str(self.directory / "etc"))
        self._write_identity(hosts)
        self._write_libvirt_settings(tls)
        if tls:
            certificates.issue(self.settings.run / "pki", self.name, self.address, self.directory / "etc")
        if ssh:
            secureshell.issue(self.settings.run / "ssh", self.name, self.address, self.directory / "etc")
        capabilities = self.settings.cache / "capabilities"
        if capabilities.is_dir():
            shutil.copytree(capabilities, self.directory / "cache", dirs_exist_ok=True)
        network.create_host(self.settings, self.name, self.address)
        ControlGroups(self.settings).create(self.name)

    def _write_identity(self, hosts: int) -> None:
        etc = self.directory / "etc"
        names = [f"{self.settings.address(number)} h{number}" for number in range(1, hosts + 1)]
        _replace(etc / "hosts", "\n".join(["127.0.0.1 localhost", *names]) + "\n")
        _replace(etc / "hostname", self.name + "\n")
        _replace(etc / "machine-id", self._uuid("machine").hex + "\n")
        for file, lines in (("passwd", (USER_LINE,)), ("group", GROUP_LINES)):
            text = (etc / file).read_text()
            known = {line.split(":")[0] for line in text.splitlines()}
            _replace(etc / file, text + "".join(line for line in lines if line.split(":")[0] not in known))

    def _uuid(self, purpose: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{purpose}.{self.name}.{self.settings.name}.lab")

    def _write_libvirt_settings(self, tls: bool) -> None:
        etc = self.directory / "etc/libvirt"
        etc.mkdir(exist_ok=True)
        (etc / "libvirtd.conf").write_text(f"""\
listen_tls = {int(tls)}
listen_tcp = 1
listen_addr = "{self.address}"
auth_tcp = "none"
auth_tls = "none"
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_rw_perms = "0700"
host_uuid = "{self._uuid("host")}"
log_filters = "3:qemu 3:util 3:rpc"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
keepalive_interval = {KEEPALIVE_SECONDS}
keepalive_count = {KEEPALIVE_COUNT}
""")
        (etc / "qemu.conf").write_text(f"""\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
seccomp_sandbox = 0
stdio_handler = "file"
migration_address = "{self.address}"
migration_host = "{self.name}"
keepalive_interval = {KEEPALIVE_SECONDS}
keepalive_count = {KEEPALIVE_COUNT}
""" + ('migrate_tls_x509_cert_dir = "/etc/pki/qemu"\nmigrate_tls_x509_verify = 1\n' if tls else ""))
        (etc / "libvirt.conf").write_text('uri_default = "qemu:///system"\n')

    # Power

    def first_process(self, group: list[Process] | None = None) -> Process | None:
        """The host's process 1; None when the host is off. `group` spares a look at the process list."""
        group = processes().get(self.namespace, []) if group is None else group
        return next((process for process in group if process.inner_pid == 1), None)

    def power_on(self) -> None:
        """Starts the host with an empty /run, as after any boot. It does not wait for it."""
        volatile = self.directory / "run"
        shutil.rmtree(volatile, ignore_errors=True)
        (volatile / "libvirt").mkdir(parents=True)
        (volatile / "lab").mkdir()
        command = ["nsenter", f"--net=/run/netns/{self.namespace}", *self._command()]
        with open(self.directory / "log/init.log", "ab") as log:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                             start_new_session=True, preexec_fn=self._join_groups)

    def _join_groups(self) -> None:
        ControlGroups(self.settings).join(self.name)

    def _command(self) -> list[str]:
        """What starts the first process, in the host's network."""
        return ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
                str(self.settings.source / "host/init"), str(self.directory), self.name]

    def power_off(self) -> None:
        """Ends everything that runs in the host at once, as a power failure does."""
        kill_namespaces([self.namespace])

    def wait_until_up(self) -> None:
        self.wait_for_libvirtd()

    def wait_for_libvirtd(self) -> None:
        """Returns when libvirtd answers."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            if self._accepts():
                try:
                    run("virsh", "-c", self.uri, "version", seconds_max=START_SECONDS_MAX)
                    return
                except LabError:
                    pass  # it ended meanwhile, and is started again
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: libvirtd does not answer within {START_SECONDS_MAX} s"
                               f"{self._last_error()}; see {self.directory}/log, then run `lab down`")
            time.sleep(0.05)

    def _last_error(self) -> str:
        try:
            lines = (self.directory / "log/libvirtd.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        errors = [line.split("error : ", 1)[1] for line in lines if "error : " in line]
        return f" ({errors[-1]})" if errors else ""

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.volatile / "libvirt/libvirt-sock"))
            except OSError:
                return False
        return True

    # libvirtd

    def libvirtd(self, group: list[Process] | None = None) -> Process | None:
        group = processes().get(self.namespace, []) if group is None else group
        first = self.first_process(group)
        return next((process for process in group if first and process.parent == first.pid
                     and os.path.basename(process.program) == "libvirtd"), None)

    def signal_libvirtd(self, number: signal.Signals) -> bool:
        """Sends a signal to libvirtd. False when there is none."""
        found = self.libvirtd()
        if found is None:
            return False
        os.kill(found.pid, number)
        return True

    def virsh(self, *arguments: str, stdin: str = "", seconds_max: float = VIRSH_SECONDS_MAX) -> str:
        return run("virsh", "-q", "-c", self.uri, *arguments, stdin=stdin, seconds_max=seconds_max)


def _replace(path: Path, text: str) -> None:
    """Writes a file that may be a link to somewhere outside, without following it."""
    path.unlink(missing_ok=True)
    path.write_text(text)
