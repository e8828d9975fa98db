"""One round each: an overload that is repaired, and an overload whose repair is hit by a fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dvmslab import truth
from dvmslab.settings import LabError

from . import limits
from .copying import Copy, job, require_progress, wait_for_copy
from .faults import Fault
from .scene import Scene
from .verdict import Sentry, Verdict, judge, judge_at_rest
from .waiting import wait_until


@dataclass
class Move:
    """A guest that was moved, by what libvirt and the guest say."""

    vm: str
    source: str
    destination: str
    copy_seconds: float | None  # libvirt's own word on the destination
    longest_gap_ms: float | None
    stopped_ms: float | None

    @property
    def way(self) -> str:
        return f"{self.vm} {self.source}→{self.destination}"


@dataclass
class Repair:
    """An overload that went away because a guest did."""

    seen_seconds: float  # until memory flowed
    moved_seconds: float  # until no host had two busy guests any more
    quiet_seconds: float  # until the ring was free again
    moves: list[Move] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)


def _moves(scene: Scene, before: dict[str, str]) -> list[Move]:
    moves = []
    for name, place in scene.places().items():
        if before.get(name, place) != place:
            done, answer = job(scene, place, name, completed=True), scene.counters(name)
            moves.append(Move(name, before[name], place, done.elapsed_ms / 1000 if done else None,
                              answer["longest_gap_ms"] if answer else None, answer["stopped_ms"] if answer else None))
    return moves


def repair(scene: Scene, migration_seconds_max: float,
           while_copying: Callable[[str, str], bool] | None = None) -> Repair:
    """Raises the load inside two guests of one host, and waits until one of them runs elsewhere and all is quiet.

    `while_copying(host, guest)` is asked during the copy until it says yes; if it never does, that is a problem."""
    scene.wait_until_quiet()
    before = scene.places()
    ticks = scene.reset_counters()
    source, busy = scene.choose_busy()
    confirmed = while_copying is None

    with Sentry(scene) as sentry:
        begin = time.monotonic()
        scene.make_busy(busy)

        def begun() -> str | None:
            return next((name for name in busy if scene.holders(name) != [source]), None)

        def parted() -> bool:
            places = scene.places()
            return len({places.get(name) for name in busy} - {None}) == len(busy)

        def looked_at(vm: str) -> bool:
            nonlocal confirmed
            if not confirmed and while_copying is not None:
                confirmed = while_copying(source, vm)
            return parted()

        vm = wait_until(f"a busy guest of {source} is moved", limits.OVERLOAD_SEEN_MAX, begun)
        seen = time.monotonic()
        wait_until(f"{' and '.join(busy)} run on different hosts", migration_seconds_max, lambda: looked_at(vm),
                   pause=0.1)
        moved = time.monotonic()
        scene.wait_until_quiet()
        quiet = time.monotonic()
    found = Repair(seen - begin, moved - seen, quiet - moved, _moves(scene, before))
    wait_until(f"{' and '.join(busy)} are idle again", limits.GUEST_ANSWER_MAX, lambda: not scene.make_idle(busy))
    found.verdict = judge_at_rest(scene, ticks)
    found.problems += sentry.complaints()
    if not confirmed:
        found.problems.append("what was asked for during the copy was never seen")
    return found


def uses_tls(scene: Scene) -> Callable[[str, str], bool]:
    """Asks the QEMU that sends whether it has credentials for its stream."""
    def ask(host: str, vm: str) -> bool:
        try:
            text = scene.host(host).virsh("qemu-monitor-command", vm, "--hmp", "info migrate_parameters")
        except LabError:
            return False
        return any(line.startswith("tls-creds:") and "libvirt" in line for line in text.splitlines())

    return ask


@dataclass
class FaultRound:
    fault: Fault
    copy: Copy
    seen: str
    settled_seconds: float
    verdict: Verdict
    mended_seconds: float
    after_mending: Verdict
    next_repair: Repair
    move: Move | None
    longest_gap_ms: float | None
    stopped_ms: float | None
    problems: list[str]

    @property
    def failures(self) -> list[str]:
        texts = [*self.problems, *self.next_repair.problems]
        for what, verdict in (("after the fault", self.verdict), ("after mending", self.after_mending),
                              ("after the next overload", self.next_repair.verdict)):
            if not verdict.holds:
                texts.append(f"{what}: {verdict}")
        return texts


class _Settling:
    """Waits until every guest runs once or is listed as in doubt, and every live node is free."""

    def __init__(self, scene: Scene, busy: list[str], lost: set[str], may_doubt: bool) -> None:
        self._scene, self._busy, self._lost, self._may_doubt = scene, busy, lost, may_doubt
        self._doubt_since: float | None = None
        self.reasons: list[str] = []

    def wait(self, seconds_max: float) -> set[str]:
        """The guests in doubt then."""
        wait_until("the ring has settled", seconds_max, self._has_settled, pause=0.5,
                   why_not=lambda: "; ".join(self.reasons))
        return self._scene.in_doubt()

    def _has_settled(self) -> bool:
        # The overload goes, so that what is waited for is the end of this repair and not the next one.
        self._busy = self._scene.make_idle(self._busy)
        self.reasons = self._scene.engagements()
        doubts = self._scene.in_doubt()
        for guest in truth.truth(self._scene.settings, self._scene.hosts, verify=False)["guests"]:
            name = guest["name"]
            processes = sum(copy["qemu"] for copy in guest["hosts"])
            if name in self._lost or (name in doubts and self._may_doubt):
                continue
            if guest["verdict"] != "once" or processes != 1:
                self.reasons.append(f"{name} is {guest['verdict']}, {processes} processes")
        if doubts and not self._may_doubt:
            self.reasons.append(f"in doubt: {' '.join(sorted(doubts))}")
        if not doubts:
            self._doubt_since = None
        elif self._doubt_since is None:
            self._doubt_since = time.monotonic()
        if self._doubt_since is not None and time.monotonic() - self._doubt_since < limits.DOUBT_STANDS:
            self.reasons.append("a doubt is young")
        return not self.reasons


def fault_round(scene: Scene, fault: Fault) -> FaultRound:
    """Hits a copy with a fault, lets the ring settle, judges; mends, judges; and has the next overload solved."""
    scene.wait_until_quiet()
    before = scene.places()
    ticks = scene.reset_counters()
    source, busy = scene.choose_busy()
    with Sentry(scene) as sentry:
        scene.make_busy(busy)
        copy = wait_for_copy(scene, source, fault.remaining_mib_max)
        strike = fault.strike(scene, copy)
        require_progress(copy, strike.at)
        fault.go_on(scene, copy)
        begin = time.monotonic()
        doubts = _Settling(scene, busy, strike.lost, fault.leaves_a_gap).wait(limits.SETTLE_MAX)
        settled = time.monotonic()
        verdict = judge(scene, ticks, doubts, strike.lost)

        fault.mend(scene, copy, strike)
        mending = time.monotonic()
        _Settling(scene, busy, set(), may_doubt=False).wait(limits.MENDED_MAX)
        scene.wait_until_quiet()
        mended = time.monotonic()
        after_mending = judge_at_rest(
            scene, {name: count for name, count in ticks.items() if name not in strike.lost})
        counters = scene.counters(copy.vm)
    move = next((move for move in _moves(scene, before) if move.vm == copy.vm), None)
    problems = sentry.complaints()
    next_repair = repair(scene, limits.SLOW_MIGRATION_MAX)
    problems += _too_quick(next_repair)
    return FaultRound(fault, copy, strike.seen, settled - begin, verdict, mended - mending, after_mending, next_repair,
                      move, counters and counters["longest_gap_ms"], counters and counters["stopped_ms"], problems)


def _too_quick(done: Repair) -> list[str]:
    """A slowed copy that is quick is none: then the faults before it struck something else than was meant."""
    return [f"{move.way} took {move.copy_seconds} s, not {limits.SLOW_COPY_SECONDS_MIN} s or more"
            for move in done.moves
            if move.copy_seconds is not None and move.copy_seconds < limits.SLOW_COPY_SECONDS_MIN]
