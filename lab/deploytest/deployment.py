"""One fleet's file, its records, and the program that is tested."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .ground import Ground
from .lab import IMAGE, KEYS, NAME, NET, Failed, guests_on, within
from .shape import APPLY_MAX, ARRIVAL_MAX, GLANCE, KILL_WAIT, LOAD_PERCENT, LOAD_SECONDS, STAGE_WAIT, Shape

AGENT_SETTINGS = """\
sampling: {interval: 1s, half_life: 2s}
reserve: {cpu: 0, memory: 0MiB}
# Nothing moves but for the overload that is made.
thresholds: {underload: 0%}
cooldown: {base: 5s, max: 10s, ping_pong_window: 5s}
"""


def fleet_text(shape: Shape, ground: Ground, dvmsd: Path) -> str:
    hosts = "\n".join(
        f"    - {{id: h{n}, address: {NET}.0.{n}, site: {shape.site(n)}, cpus: 1, memory: 2GiB}}"
        for n in range(1, shape.hosts + 1))
    agents = ", ".join(filter(None, [f'program: "{dvmsd}"', ground.migration, "settings: agents.yaml"]))
    return f"""fleet: lab
seed: 7
inventory:
  hosts:
{hosts}
booking: {{hosts: {shape.hosts - 1}, spares: 1, require: {{kvm: false}}}}
network: {{subnet: 10.158.0.0/24, isolation: vxlan, domain: lab.internal}}
image: {{file: "{IMAGE}"}}
agents: {{{agents}}}
templates:
  - {{name: tiny, vcpus: 1, memory: 128MiB, disk: 1GiB}}
vms:
  - {{template: tiny, count: {shape.guests}, name: "vm-{{n}}"}}
cpu_overcommit: 800%
limits: {{hosts_at_once: 4, boots_at_once: 2, boots_per_host: 1}}
retries: {{attempts: 2, delay: 1s, delay_max: 2s}}
"""


@dataclass(frozen=True)
class Outcome:
    """What an apply came to."""

    status: int
    report: dict
    took: float
    words: str


class Deployment:
    def __init__(self, shape: Shape, ground: Ground, folder: Path, programs: Path) -> None:
        self.shape, self.ground = shape, ground
        self.folder, self.file, self.state = folder, folder / "fleet.yaml", folder / "state"
        self.program = programs / "dvms"
        self.file.write_text(fleet_text(shape, ground, programs / "dvmsd"))
        (folder / "agents.yaml").write_text(AGENT_SETTINGS)

    # The deployer stands on h1.
    def _command(self, *words: str | Path) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{NAME}-h1", str(self.program), *map(str, words), "--state", str(self.state)]

    @property
    def _ssh(self) -> list[str]:
        return ["--identity", str(KEYS / "user_key"), "--known-hosts", str(KEYS / "known_hosts")]

    def apply(self, *more: str, expecting: int = 0) -> str:
        return self._run("apply", *self._ssh, *more, expecting=expecting)

    def destroy(self) -> str:
        return self._run("destroy", *self._ssh)

    def status(self) -> dict:
        return json.loads(self._run("status", "--json"))

    def _run(self, verb: str, *more: str, expecting: int = 0) -> str:
        run = subprocess.run(self._command("deploy", verb, self.file, *more), capture_output=True, text=True)
        if run.returncode != expecting:
            words = f"{run.stdout}{run.stderr}"
            raise Failed(f"dvms deploy {verb} {' '.join(more)}: exit status {run.returncode}, not {expecting}\n{words}")
        return run.stdout

    def recorded(self, question: str, **values: object) -> int:
        """What the records answer with one number; 0 while there are none."""
        try:
            with closing(sqlite3.connect(f"file:{self.state}/deployments.sqlite?mode=ro", uri=True)) as database:
                return database.execute(question, values).fetchone()[0]
        except sqlite3.OperationalError:
            return 0

    def _begin_apply(self, *more: str, output: int) -> subprocess.Popen:
        return subprocess.Popen(self._command("deploy", "apply", self.file, *self._ssh, *more), stdout=output, stderr=output,
                                text=True)

    def apply_killed_after(self, count: int) -> bool:
        """Whether it was killed before it had ended by itself."""
        process = self._begin_apply(output=subprocess.DEVNULL)
        try:
            return _come_to(process, lambda: self.recorded("SELECT count(*) FROM transition") >= count, KILL_WAIT,
                            f"{count} transitions")
        finally:
            process.kill()
            process.wait()

    def apply_struck(self, is_due: Callable[[], bool], strike: Callable[[], None], when: str) -> Outcome:
        """Strikes once it is due, and lets apply go on to its end."""
        began = time.monotonic()
        process = self._begin_apply("--json", output=subprocess.PIPE)
        try:
            if not _come_to(process, is_due, STAGE_WAIT, when):
                raise Failed(f"apply ended before {when}: {process.communicate()}")
            strike()
            output, words = process.communicate(timeout=APPLY_MAX)
        except subprocess.TimeoutExpired:
            raise Failed(f"apply did not end within {APPLY_MAX} s") from None
        finally:
            process.kill()
            process.wait()
        if not output:
            raise Failed(f"apply ended with status {process.returncode} and no report: {words}")
        return Outcome(process.returncode, json.loads(output), time.monotonic() - began, words)

    def load(self, guests: list[str]) -> subprocess.Popen:
        """Makes guests busy for a while."""
        profile = self.folder / "load.yaml"
        profile.write_text(
            f"duration: {LOAD_SECONDS}s\nphases:\n  - {{vms: [{', '.join(guests)}], cpu: {LOAD_PERCENT}%}}\n")
        return subprocess.Popen(self._command("load", profile, "--fleet", self.file, *self._ssh), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def expect_whole(self, hosts: list[int]) -> None:
        """Every guest runs on exactly one of `hosts`, once none is on its way, and no two have one address."""
        wanted = sorted(f"vm-{n}" for n in range(1, self.shape.guests + 1))
        found: list[str] = []

        def is_whole() -> bool:
            found[:] = guests_on(hosts)
            return found == wanted

        within(ARRIVAL_MAX, lambda: f"of {wanted} there run {found}", is_whole)
        addresses = [guest["address"] for guest in self.status()["vms"]]
        if len(set(addresses)) != self.shape.guests:
            raise Failed(f"addresses are given twice: {addresses}")

    def address(self, guest: str) -> str:
        return next(vm["address"] for vm in self.status()["vms"] if vm["name"] == guest)


def _come_to(process: subprocess.Popen, is_due: Callable[[], bool], seconds: float, what: str) -> bool:
    """Waits until it is due; False when the process ended before."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if is_due():
            return True
        if time.monotonic() > deadline:
            raise Failed(f"not recorded within {seconds} s: {what}")
        time.sleep(GLANCE)
    return False
