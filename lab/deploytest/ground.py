"""What hosts a fleet is deployed on: such that have all it takes, or bare ones."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .lab import HERE, Failed, on

# What a deployment may leave behind on any host: links, guests, pools, settings, processes.
_ANYWHERE = r"""
ls /sys/class/net | grep -v '^vnet'
! command -v virsh >/dev/null || { virsh -q list --all --name; virsh -q pool-list --all --name; } | grep . || true
grep -rls 'DVMS deployment' /etc/libvirt || true
ps -e -o comm= | grep -E '^(dvmsd|dnsmasq|qemu)' || true
"""
# A lab host has few folders of its own; its home is one of them.
_LAB = _ANYWHERE + r"""
ls -R /var/lib/libvirt/dvms 2>/dev/null || true
ls -R /etc/lab-home; cat /etc/lab-home/.ssh/authorized_keys 2>/dev/null || true
"""
_BARE = _ANYWHERE + r"""
cat /root/.ssh/authorized_keys
find / /run /tmp -xdev -name '*dvms*'
"""
# What a bare host must not have before, and has afterwards.
_PROGRAMS = "virsh libvirtd qemu-system-x86_64 qemu-img dnsmasq genisoimage ip ping"


@dataclass(frozen=True)
class Ground:
    option: str  # of `lab up`
    # How the fleet's file says that libvirts reach each other; empty where the deployer sees to that.
    migration: str
    traces: str
    is_bare: bool

    def prepare(self, hosts: list[int], dvmsd: Path) -> None:
        if not self.is_bare:
            return
        for host in hosts:
            if found := programs_on(host):
                raise Failed(f"h{host} is not bare: it has {', '.join(found)}")
        _put_runtime(hosts, dvmsd)


LAB = Ground(option="--ssh", migration='migration_uri: "qemu+tcp://{node}/system"', traces=_LAB, is_bare=False)
BARE = {
    "sshd": Ground(option="--bare", migration="", traces=_BARE, is_bare=True),
    "systemd": Ground(option="--systemd", migration="", traces=_BARE, is_bare=True),
}


class Traces:
    """What hosts have of deployments, now and later."""

    def __init__(self, ground: Ground, hosts: list[int]) -> None:
        self._script = ground.traces
        self._hosts = hosts
        self._before = self._look()

    def _look(self) -> dict[int, str]:
        return {host: on(host, self._script) for host in self._hosts}

    def expect_as_before(self) -> None:
        for host, after in self._look().items():
            if after != self._before[host]:
                raise Failed(f"h{host} is not as it was; before:\n{self._before[host]}\nafter:\n{after}")


def programs_on(host: int) -> list[str]:
    """Those that a deployment needs."""
    return on(host, f"for it in {_PROGRAMS}; do ! command -v $it >/dev/null || echo $it; done").split()


def _put_runtime(hosts: list[int], program: Path) -> None:
    """The one thing that a bare host has beside its sshd: what `dvmsd` was linked against that is Swift's. Debian has no
    package of it."""
    loaded = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    files = [line.split()[2] for line in loaded.splitlines() if "/swift/" in line]
    if not files:
        return
    packed = subprocess.run(["tar", "-c", "-h", "-P", *files], capture_output=True, check=True).stdout
    for host in hosts:
        subprocess.run([HERE / "lab", "exec", f"h{host}", "tar", "-x", "-P"], input=packed, check=True)
