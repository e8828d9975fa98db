"""Tells what happens in a ring while it happens, from the events of its daemons."""

from __future__ import annotations

import time

from .control import Refusal
from .ring import Ring
from .text import Paint, bar, table
from .workload import THRESHOLD

# Of everything that daemons tell, what makes the story of an ISP; the rest is in the journals.
TOLD = {"trigger_began", "trigger_ended", "isp_started", "asked", "granted", "skipped", "hopped", "solved", "confirmed",
        "waits", "sweeps_again", "member_lost", "migration_ordered", "migration_progress", "migration_ended",
        "isp_ended", "in_doubt", "settled", "hypervisor_away", "hypervisor_back", "store_failed"}
INDENTED = {"migration_progress"}
# Why a partition is too small can take a page; the journal has it all.
TEXT_CHARACTERS_MAX = 150


class Story:
    """Prints events, each with the seconds since the story began and the ISP that it belongs to."""

    def __init__(self, paint: Paint) -> None:
        self.paint = paint
        self._begin = time.time()
        self._isps: list[str] = []

    def say(self, words: str) -> None:
        print(f"{self._seconds(time.time())}  {self.paint.bold(words)}", flush=True)

    def tell(self, node: str, event: dict) -> None:
        kind = event["kind"]
        if kind not in TOLD:
            return
        print(f"{self._seconds(event['wall_ms'] / 1000)}  {self._who(node, event.get('isp'))}  {self._words(event)}",
              flush=True)
        for number, step in enumerate(filter(None, event["facts"].get("plan", "").split("; ")), start=1):
            print(f"{'':9}  {'':10}      step {number}: {step}", flush=True)

    def _seconds(self, instant: float) -> str:
        return self.paint.faint(f"{instant - self._begin:7.2f} s")

    def _who(self, node: str, isp: str | None) -> str:
        if isp is None:
            return f"{node:10}"
        if isp not in self._isps:
            self._isps.append(isp)
        return self.paint.name(f"{isp:10}", self._isps.index(isp))

    def _words(self, event: dict) -> str:
        kind, text = event["kind"], event["text"]
        if len(text) > TEXT_CHARACTERS_MAX:
            text = text[:TEXT_CHARACTERS_MAX] + " …"
        if kind in INDENTED:
            return self.paint.faint("    " + text)
        if kind == "hopped":
            return self.paint.busy(text)
        if kind == "isp_ended":
            solved = event["facts"].get("outcome") == "solved"
            return self.paint.good(text) if solved else self.paint.bad(text)
        if kind in ("in_doubt", "hypervisor_away", "store_failed", "member_lost"):
            return self.paint.bad(text)
        return text


def loads(ring: Ring, paint: Paint) -> str:
    """What the guests of each node want, as the daemons see it."""
    rows = []
    for node in ring.names:
        status = ring.ask(node, "status")
        percent = 100 * status["load"]["cpu_millicores"] // status["capacity"]["cpu_millicores"]
        picture = bar(percent, THRESHOLD)
        rows.append([node, paint.bad(picture) if percent > THRESHOLD else paint.good(picture), percent, status["vms"]])
    return table(["NODE", "CPU WANTED", "%", "VMS"], rows)


def check_calm(ring: Ring) -> None:
    """Raises RingError when a node is overloaded, a guest is in doubt, or guests are not where they should be."""
    for node in ring.names:
        status = ring.ask(node, "status")
        if status["triggers"] or status["in_doubt"]:
            raise Refusal(node, "unsound", f"triggers {status['triggers']}, in doubt {status['in_doubt']}")
    ring.check_guests()
