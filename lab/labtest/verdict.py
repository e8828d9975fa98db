"""Four checkers that do not ask a daemon about guests, and a sentry that looks all the time.

- libvirt: every libvirtd is asked; a guest runs in one place.
- qemu: the machine's process list holds one QEMU process per guest.
- counter: the guest answers, and its ticks have gone on from where they were: it is the same guest, not a new one.
- memory: every word of the guest's region is what it must be."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from dvmslab import truth
from dvmslab.settings import LabError

from . import limits
from .scene import Scene

CHECKERS = ("libvirt", "qemu", "counter", "memory")


@dataclass
class Verdict:
    """Complaints by checker; a checker without any is content."""

    complaints: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CHECKERS})
    in_doubt: set[str] = field(default_factory=set)

    @property
    def holds(self) -> bool:
        return not any(self.complaints.values())

    def cells(self) -> list[str]:
        return ["FAILED" if self.complaints[name] else "ok" for name in CHECKERS]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {text}" for name, texts in self.complaints.items() for text in texts)


def judge(scene: Scene, ticks_before: dict[str, int], in_doubt: set[str], lost: set[str]) -> Verdict:
    """Judges every guest but the `lost`, whose host is off. Those `in_doubt` may stand paused, but not run twice."""
    verdict = Verdict(in_doubt=in_doubt)
    for guest in _report_with_answers(scene, in_doubt | lost):
        name, copies = guest["name"], guest["hosts"]
        if name in lost:
            if any(copy["qemu"] for copy in copies):
                verdict.complaints["qemu"].append(f"{name} was on a host that is off, and has a process")
            continue
        _judge_places(verdict, name, copies, in_doubt=name in in_doubt)
        answers = [copy["guest"] for copy in copies if copy["guest"]]
        if not answers:
            if name not in in_doubt:
                verdict.complaints["counter"].append(f"{name} does not answer")
            continue
        for answer in answers:
            before = ticks_before.get(name, -1)
            if answer["ticks"] <= before:
                verdict.complaints["counter"].append(f"{name} counts {answer['ticks']} ticks after {before}")
            if not answer["memory"]["intact"]:
                verdict.complaints["memory"].append(f"{name} is damaged: {answer['memory']}")
    return verdict


def _report_with_answers(scene: Scene, may_be_silent: set[str]) -> list[dict]:
    """The truth about every guest, looked for again while one that ought to answer starves on a busy machine."""
    deadline = time.monotonic() + limits.GUEST_ANSWER_MAX
    while True:
        found = truth.truth(scene.settings, scene.hosts, verify=True)["guests"]
        silent = [guest["name"] for guest in found if not any(copy["guest"] for copy in guest["hosts"])]
        if set(silent) <= may_be_silent or time.monotonic() > deadline:
            return found
        time.sleep(limits.LOOK)


def judge_at_rest(scene: Scene, ticks_before: dict[str, int]) -> Verdict:
    """Judges a ring in which nothing is in doubt and nothing moves; again if something began to move meanwhile."""
    for _ in range(limits.JUDGEMENTS_MAX):
        scene.wait_until_quiet()
        verdict = judge(scene, ticks_before, in_doubt=set(), lost=set())
        if verdict.holds or not scene.engagements():
            break
    return verdict


def _judge_places(verdict: Verdict, name: str, copies: list[dict], in_doubt: bool) -> None:
    running = [copy["host"] for copy in copies if copy["libvirt"] == "running"]
    processes = {copy["host"]: copy["qemu"] for copy in copies if copy["qemu"]}
    words = ", ".join(f"{copy['host']}:{copy['libvirt']}({copy['qemu']} qemu)" for copy in copies
                      if copy["qemu"] or copy["libvirt"] not in ("absent", "off"))
    runs = [copy["host"] for copy in copies if copy["runs"] != "no"]
    if len(running) > 1 or len(runs) > 1 or not (len(running) == 1 or in_doubt):
        verdict.complaints["libvirt"].append(f"{name} is not running once: {words or 'nowhere'}")
    # Somewhere there must be a process, or the guest is lost; a doubt may have a second, paused copy.
    most = 2 if in_doubt else 1
    if not 1 <= sum(processes.values()) <= most:
        verdict.complaints["qemu"].append(f"{name} has {processes or 'no'} processes")


class Sentry:
    """Looks at all guests again and again, on a thread of its own, for one that runs twice."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._began = time.monotonic()
        self.looks = 0
        self.seen_twice: list[str] = []

    def __enter__(self) -> "Sentry":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(limits.SENTRY_PAUSE):
            try:
                report = truth.truth(self._scene.settings, self._scene.hosts, verify=False)
            except (LabError, OSError):
                continue  # a host went off while it was looked at
            self.looks += 1
            for guest in report["guests"]:
                if guest["verdict"] == "twice":
                    places = [f"{copy['host']}:{copy['libvirt']} ({copy['reason']})" for copy in guest["hosts"]
                              if copy["qemu"]]
                    self.seen_twice.append(f"{guest['name']} runs twice after {time.monotonic() - self._began:.1f} s: "
                                           + ", ".join(places))

    def complaints(self) -> list[str]:
        return self.seen_twice if self.looks else ["the sentry never got an answer"]
