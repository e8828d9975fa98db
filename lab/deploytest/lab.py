"""The lab's hosts and what runs on them, seen from outside of all that is tested."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dvmslab import network
from dvmslab.settings import LabError, Settings

from .shape import ARRIVAL_MAX, LOOK

HERE = Path(__file__).resolve().parent.parent
NAME = os.environ["LAB_NAME"]
NET = os.environ["LAB_NET"]
KEYS = HERE / "run" / NAME / "ssh"
IMAGE = HERE / "cache" / "disk.qcow2"
# The agent's folder on a host, of the deployment that is tested.
_AGENT = "/var/lib/libvirt/dvms/lab/agent"
GUEST_ANSWER_MAX = 30
Answer = TypeVar("Answer")


class Failed(Exception):
    """What does not hold, in words."""


class Unanswered(Failed):
    """A guest's agent could not be asked, or did not answer: the guest is on its way, or has gone elsewhere since it was found."""


def lab(*arguments: str) -> str:
    run = subprocess.run([HERE / "lab", *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        raise Failed(f"lab {' '.join(arguments)}: {run.stderr.strip()}")
    return run.stdout


def cut(host: int) -> None:
    """As `lab cut`, in this process: another one takes longer to start than some stages of a deployment."""
    try:
        network.set_link(Settings.from_environment(), f"h{host}", up=False)
    except LabError as error:
        raise Failed(f"lab cut h{host}: {error}") from error


def on(host: int, script: str) -> str:
    return lab("exec", f"h{host}", "sh", "-c", script)


def agent_says(host: int, request: str) -> dict:
    """What the agent of a host answers; empty where none does."""
    return json.loads(on(host, f"cd {_AGENT}; ./dvmsd --config dvmsd.yaml --node h{host} --ask {request} || echo '{{}}'"))


def guests_by_host(hosts: list[int]) -> dict[int, list[str]]:
    """A host without libvirt has none."""
    return {host: on(host, "! command -v virsh >/dev/null || virsh -q list --name").split() for host in hosts}


def guests_on(hosts: list[int]) -> list[str]:
    """Each as often as there are hosts that know it: twice while it is on its way."""
    return sorted(name for names in guests_by_host(hosts).values() for name in names)


def host_of(guest: str, hosts: list[int]) -> int:
    """The only host on which the guest runs, when it is not on its way."""
    places: list[int] = []

    def is_on_one() -> bool:
        places[:] = [host for host, names in guests_by_host(hosts).items() if guest in names]
        return len(places) == 1

    within(ARRIVAL_MAX, lambda: f"{guest} is on one host, and not on {places}", is_on_one)
    return places[0]


def within(seconds: float, what: Callable[[], str], is_so: Callable[[], bool]) -> float:
    """Waits until it is so; returns after how many seconds. Raises Failed, and says what was waited for."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > seconds:
            raise Failed(f"not within {seconds:g} s: {what()}")
        time.sleep(LOOK)
    return time.monotonic() - began


def answered(question: Callable[[], Answer]) -> Answer:
    """Asks until there is an answer. Raises the last Unanswered when `ARRIVAL_MAX` is over."""
    began = time.monotonic()
    while True:
        try:
            return question()
        except Unanswered:
            if time.monotonic() - began > ARRIVAL_MAX:
                raise
        time.sleep(LOOK)


class Guest:
    """A guest through QEMU's guest agent, wherever it runs.

    It may leave its host between the look for it and the question, and while its agent answers. Who asks what may be asked
    twice asks again, until `ARRIVAL_MAX` is over.
    """

    def __init__(self, name: str, hosts: list[int]) -> None:
        self.name = name
        self.hosts = hosts

    def _ask(self, command: str, **arguments: object) -> dict:
        text = json.dumps({"execute": command, "arguments": arguments})
        host = host_of(self.name, self.hosts)
        try:
            answer = lab("exec", f"h{host}", "virsh", "qemu-agent-command", "--timeout", str(GUEST_ANSWER_MAX), self.name, text)
        except Failed as failure:
            raise Unanswered(f"{self.name} on h{host}: {failure}") from failure
        return json.loads(answer)["return"]

    def start(self, script: str) -> int:
        """Runs a script once, and does not wait for it. Only while nothing moves."""
        return self._ask("guest-exec", path="/bin/sh", arg=["-c", script])["pid"]

    def is_running(self, process: int) -> bool:
        return answered(lambda: not self._ask("guest-exec-status", pid=process)["exited"])

    def read(self, file: str) -> str:
        return self.run(f"cat {file}")

    def run(self, script: str) -> str:
        """What a short script prints. It may be run more than once."""
        return answered(lambda: self._run_once(script))

    def _run_once(self, script: str) -> str:
        arguments = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
        process = self._ask("guest-exec", **arguments)["pid"]
        status: dict = {}

        def has_ended() -> bool:
            status.update(self._ask("guest-exec-status", pid=process))
            return status["exited"]

        within(GUEST_ANSWER_MAX, lambda: f"{self.name} runs: {script}", has_ended)
        if status.get("exitcode") != 0:
            words = base64.b64decode(status.get("err-data", "")).decode(errors="replace")
            raise Failed(f"{self.name}: {script} ended with {status.get('exitcode')}: {words}")
        return base64.b64decode(status.get("out-data", "")).decode(errors="replace")
