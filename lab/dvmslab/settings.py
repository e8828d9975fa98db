"""What a lab is called, where its files are, and what may be asked of it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

# The last number of a host's address is the host's own.
HOSTS_MAX = 64
# Guest addresses are the second half of the network; an idle guest costs about 3 % of a core and 200 MiB.
GUESTS_MAX = 512
GUEST_MEMORY_MIB_DEFAULT = 96
# The guest kernel panics below.
GUEST_MEMORY_MIB_MIN = 80
GUEST_MEMORY_MIB_MAX = 4096

GUEST_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
LAB_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
NETWORK = re.compile(r"(\d{1,3})\.(\d{1,3})")


class LabError(Exception):
    """Something that the person at the keyboard can act on: the text says what happened and what to do next."""


@dataclass(frozen=True)
class Settings:
    """Names and paths of one lab. Everything it creates bears `name`, so that several labs do not meet."""

    name: str
    network: str  # the first two numbers of its addresses
    source: Path  # the folder with the lab's own program
    cache: Path  # what `lab setup` made
    run: Path  # state of this lab; removed by `lab down`

    @classmethod
    def from_environment(cls) -> "Settings":
        source = Path(__file__).resolve().parent.parent
        name = os.environ.get("LAB_NAME", "dvmslab")
        if not LAB_NAME.fullmatch(name):
            raise LabError(f"LAB_NAME={name}: use up to 16 lower-case letters and digits, a letter first")
        network = os.environ.get("LAB_NET", "10.77")
        match = NETWORK.fullmatch(network)
        if not match or any(int(part) > 255 for part in match.groups()):
            raise LabError(f"LAB_NET={network}: give the first two numbers of a private /16 network, like 10.77")
        run = Path(os.environ.get("LAB_RUN") or source / "run" / name)
        cache = Path(os.environ.get("LAB_CACHE") or source / "cache")
        return cls(name, network, source, cache.resolve(), run.resolve())

    @property
    def link(self) -> Path:
        """A short way to `run`: the path of a UNIX socket may have 107 bytes, a checkout's path may have more.

        It also marks the lab's name as taken."""
        return Path("/run") / self.name

    @property
    def switch(self) -> str:
        """Network namespace that holds the bridge to which every host is wired."""
        return f"{self.name}-switch"

    def namespace(self, host: str) -> str:
        return f"{self.name}-{host}"

    def address(self, number: int) -> str:
        """Address of the host with this number, 1 to HOSTS_MAX."""
        return f"{self.network}.0.{number}"

    def guest_address(self, index: int) -> str:
        return f"{self.network}.{128 + index // 250}.{1 + index % 250}"

    def need_setup(self) -> None:
        for file in ("vmlinux", "initrd.gz", "accelerator", "setup.stamp"):
            if not (self.cache / file).exists():
                raise LabError(f"{self.cache / file} is missing; run `lab setup` first")

    def accelerator(self) -> str:
        """`kvm` or `tcg`: what `lab setup` saw boot a guest, unless LAB_ACCEL says otherwise."""
        value = os.environ.get("LAB_ACCEL") or (self.cache / "accelerator").read_text().strip()
        if value not in ("kvm", "tcg"):
            raise LabError(f"LAB_ACCEL={value}: use kvm or tcg")
        return value


@dataclass(frozen=True)
class Shape:
    """What `lab up` was asked for; a lab whose `complete` is false is the rest of an `up` that failed."""

    hosts: int
    tls: bool
    ssh: bool
    complete: bool
    bare: str = ""  # what bare hosts have as first process; empty: hosts with a libvirtd

    def save(self, settings: Settings) -> None:
        write_atomically(settings.run / "lab.json", json.dumps(self.__dict__) + "\n")

    @classmethod
    def load(cls, settings: Settings) -> "Shape | None":
        try:
            return cls(**json.loads((settings.run / "lab.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return cls(0, False, False, False)


def write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.rename(path)
