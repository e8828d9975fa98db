"""The dvmsd processes of the lab's hosts, and the config that they share."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from dvmslab.host import Host
from dvmslab.machine import processes
from dvmslab.settings import LabError, Settings

from .control import Control, Refused, Silent
from .limits import DAEMON_READY_MAX, DAEMON_STOP_MAX, LOOK
from .waiting import wait_until

CONFIG_NETWORK = "10.77."
# Guests are to be moved again and again here, so nothing may hold them back for long.
TEST_SETTINGS = """
log: {level: debug}
cooldown: {base: 5s, max: 10s, ping_pong_window: 5s}
"""


@dataclass(frozen=True)
class Profile:
    """How guests are copied."""

    name: str
    mib_per_second: int | None = None  # None: as fast as the link goes
    tls: bool = False

    def config(self, settings: Settings) -> str:
        """configs/lab.yaml with this lab's addresses and this profile's way of copying."""
        text = (settings.source.parent / "configs/lab.yaml").read_text()
        text = _replaced(text, CONFIG_NETWORK, f"{settings.network}.")
        if self.tls:
            text = _replaced(text, "qemu+tcp://", "qemu+tls://")
            text = _replaced(text, "tls: false", "tls: true")
        if self.mib_per_second is not None:
            text += f"\nmigration: {{bandwidth: {self.mib_per_second}MiB/s}}\n"
        return text + TEST_SETTINGS


def _replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise LabError(f"configs/lab.yaml does not say {old!r} any more, which this test replaces by {new!r}")
    return text.replace(old, new)


class Daemon:
    """The dvmsd of one host, over all its starts."""

    def __init__(self, host: Host, program: Path) -> None:
        self.host = host
        self.program = program
        self.control = Control(host.volatile / "dvms" / f"{host.name}.sock")
        self.starts = 0
        self._child: subprocess.Popen | None = None

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def logs(self) -> Path:
        return self.host.directory / "log" / "dvmsd"

    def launch(self, config: Path) -> None:
        """Starts the daemon in all namespaces of its host, without waiting for it."""
        self.starts += 1
        self.logs.mkdir(parents=True, exist_ok=True)
        command = [self.host.settings.source / "lab", "exec", self.name, self.program, "--config", config,
                   "--node", self.name]
        with open(self._output, "wb") as output, open(self.logs / f"start-{self.starts}.log", "wb") as log:
            # A session of its own: an interrupt from the keyboard is for the test, which ends the daemons itself.
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                                           start_new_session=True)

    @property
    def _output(self) -> Path:
        return self.logs / f"start-{self.starts}.out"

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            if self._output.read_text().startswith("ready "):
                return True
            if self._child is not None and self._child.poll() is not None:
                raise LabError(f"dvmsd of {self.name} ended with code {self._child.returncode}: {self._last_words()}")
            return False

        wait_until(f"dvmsd of {self.name} is ready", DAEMON_READY_MAX, is_ready)

    def _last_words(self) -> str:
        lines = (self.logs / f"start-{self.starts}.log").read_text(errors="replace").splitlines()
        return " | ".join(lines[-5:])

    @property
    def pid(self) -> int | None:
        """The daemon itself, not the command that stands for it."""
        for process in processes().get(self.host.namespace, []):
            if os.path.basename(process.program).startswith("dvmsd"):
                return process.pid
        return None

    @property
    def is_alive(self) -> bool:
        return self.pid is not None

    def signal(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is None:
            raise LabError(f"dvmsd of {self.name} is not running")
        os.kill(pid, number)

    def kill(self) -> None:
        """kill -9. Returns when the process is gone."""
        self.signal(signal.SIGKILL)
        wait_until(f"dvmsd of {self.name} is gone", DAEMON_STOP_MAX, lambda: not self.is_alive, pause=0.02)
        self.reap()

    def reap(self) -> int | None:
        """The exit code of a daemon that has ended; None when there was none."""
        child, self._child = self._child, None
        return None if child is None else child.wait(DAEMON_STOP_MAX)

    def stop(self) -> None:
        """Stops it as an operator does, and expects it to end well."""
        if self._child is None:
            return
        self.signal(signal.SIGTERM)
        wait_until(f"dvmsd of {self.name} stops", DAEMON_STOP_MAX, lambda: not self.is_alive)
        code = self.reap()
        if code != 0:
            raise LabError(f"dvmsd of {self.name} ended with code {code} after SIGTERM: {self._last_words()}")

    def status(self) -> dict | None:
        """None when it does not answer."""
        try:
            return self.control.ask("status")
        except (Silent, Refused):
            return None

    def events(self, vm: str | None = None, after: int = 0) -> list[dict]:
        filters = {} if vm is None else {"vm": vm}
        return self.control.ask_items("events", after=after, limit=10_000, **filters)[0]


def start(daemons: list[Daemon], config: Path) -> float:
    """Starts daemons and returns after how many seconds the last one was ready."""
    begin = time.monotonic()
    for daemon in daemons:
        daemon.launch(config)
    for daemon in daemons:
        daemon.wait_until_ready()
    return time.monotonic() - begin
