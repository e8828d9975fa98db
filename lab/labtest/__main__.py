"""Rounds on a lab of their own: real daemons, real guests, judged by what libvirt, processes and guests say."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dvmslab.settings import LabError, Settings

from . import faults, limits, report
from .control import Refused, Silent
from .daemons import Profile
from .faults import Fault
from .proof import prove
from .rounds import FaultRound, Repair, fault_round, repair, uses_tls
from .scene import Scene
from .waiting import Late

FAST = Profile("fast")
TLS = Profile("tls", mib_per_second=limits.TLS_MIB_PER_SECOND, tls=True)
SLOW = Profile("slow", mib_per_second=limits.SLOW_MIB_PER_SECOND)
EXIT_HELD = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

Done = TypeVar("Done")


class Run:
    """All rounds of one call, and what came of them."""

    def __init__(self, scene: Scene, keeps_logs: bool) -> None:
        self.scene = scene
        self.keeps_logs = keeps_logs
        self.failures: list[str] = []
        self.repairs: list[tuple[str, Repair | None]] = []
        self.faults: list[tuple[str, str, FaultRound | None]] = []

    def _round(self, name: str, profile: Profile, body: Callable[[], Done],
               complaints: Callable[[Done], list[str]]) -> Done | None:
        """One round. After a failure its logs are kept, and the next one begins on a new lab."""
        begin = time.monotonic()
        done, problems = None, []
        try:
            if not self.scene.hosts:
                self.scene.build()
            self.scene.use(profile)
            done = body()
            problems = complaints(done)
        except (LabError, Late, Silent, Refused, TimeoutError, OSError) as error:
            problems = [str(error)]
        print(f"{name}: {'FAILED' if problems else 'ok'} ({time.monotonic() - begin:.0f} s)", flush=True)
        if problems:
            for problem in problems:
                print(f"    {problem}")
        if problems or self.keeps_logs:
            print(f"    logs: {self.scene.keep_logs(name.replace(' ', '-'))}", flush=True)
        if problems:
            self.failures.append(name)
            self.scene.hosts = []
        return done

    def prove(self) -> None:
        """Before anything is judged: the checkers see what they must."""
        self._round("proof of the checkers", FAST, lambda: prove(self.scene), lambda missed: missed)

    def plain(self, number: int) -> None:
        name = f"plain {number}"
        done = self._round(name, FAST, lambda: repair(self.scene, limits.MIGRATION_MAX), _complaints)
        self.repairs.append((name, done))

    def tls(self) -> None:
        done = self._round("tls", TLS, lambda: repair(self.scene, limits.SLOW_MIGRATION_MAX, uses_tls(self.scene)),
                           _complaints)
        self.repairs.append(("tls", done))

    def fault(self, number: int, fault: Fault) -> None:
        name = f"fault {number} {fault.name}"
        done = self._round(name, SLOW, lambda: fault_round(self.scene, fault), lambda found: found.failures)
        self.faults.append((str(number), fault.name, done))

    def show(self) -> None:
        if self.repairs:
            print(f"\n{report.repairs(self.repairs)}")
        if self.faults:
            print(f"\n{report.faults(self.faults)}")
        rounds = len(self.repairs) + len(self.faults)
        print(f"\nlab-test: {rounds} rounds, {len(self.failures)} failed"
              + (f": {', '.join(self.failures)}" if self.failures else ""), flush=True)


def _complaints(done: Repair) -> list[str]:
    return done.problems + ([] if done.verdict.holds else [str(done.verdict)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab/test",
                                     description="Real daemons move real guests, with and without faults.")
    parser.add_argument("--rounds", type=int, default=0, metavar="N",
                        help="N plain rounds, one over TLS, and a short choice of faults")
    parser.add_argument("--faults", type=int, default=0, metavar="N", help="N rounds of every fault")
    parser.add_argument("--fault", action="append", default=[], choices=sorted(faults.BY_NAME), metavar="NAME",
                        help=f"one round of this fault; may be repeated: {', '.join(faults.BY_NAME)}")
    parser.add_argument("--dvmsd", type=Path, metavar="PATH", help="the daemon; default: the release build's")
    parser.add_argument("--keep-logs", action="store_true", help="after every round, not only after those that failed")
    options = parser.parse_args()
    if options.rounds < 0 or options.faults < 0 or not (options.rounds or options.faults or options.fault):
        parser.error("give --rounds N, --faults N or --fault NAME")
    return options


def _run(run: Run, options: argparse.Namespace) -> None:
    run.prove()
    for number in range(1, options.rounds + 1):
        run.plain(number)
    if options.rounds:
        run.tls()
    chosen = [*(faults.SHORT if options.rounds else []), *faults.ALL * options.faults,
              *(faults.BY_NAME[name] for name in options.fault)]
    for number, fault in enumerate(chosen, 1):
        run.fault(number, fault)


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _keep_others_out(settings: Settings) -> socket.socket:
    """Until this process ends, or closes what it gets: two runs would take each other's lab down."""
    # An address without a file: the kernel takes it back, however the process ends.
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0lab-test-{settings.name}")
    except OSError:
        raise LabError(f"another run uses {settings.name}; wait for its end, or set LAB_NAME and LAB_NET") from None
    return lock


def main() -> int:
    options = _options()
    try:
        if os.geteuid() != 0:
            raise LabError("run this as root: it makes namespaces")
        settings = Settings.from_environment()
        settings.need_setup()
        lock = _keep_others_out(settings)
        program = (options.dvmsd or settings.source.parent / ".build/release/dvmsd").absolute()
        if not os.access(program, os.X_OK):
            raise LabError(f"{program} is missing; run `make build` first")
    except LabError as error:
        print(f"lab/test: {error}", file=sys.stderr)
        return EXIT_FAILED
    signal.signal(signal.SIGTERM, _interrupt)
    scene = Scene(settings, program, settings.run.parent / "logs")
    run = Run(scene, options.keep_logs)
    interrupted = False
    try:
        _run(run, options)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        # A second interrupt must not leave a lab behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        scene.remove()
        lock.close()
    run.show()
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if run.failures else EXIT_HELD


if __name__ == "__main__":
    sys.exit(main())
