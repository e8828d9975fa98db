"""One worker dies in a stage of the first apply: the deployment ends with the others complete and the spare in its place."""

from __future__ import annotations

import json

from . import steps
from .deployment import Deployment, Outcome
from .ground import Traces
from .lab import Failed, agent_says, cut, guests_on, lab, on, within
from .shape import ARRIVAL_MAX

# Not h1, which the deployer stands on, nor the last, which is the spare.
VICTIM = 2
# Whether the victim is in the stage, by the records. Booting and checking are one stage there: a guest is checked once libvirt
# runs it.
_HOST = "SELECT count(*) FROM host WHERE id = :host AND state = 'doing {}'"
_GUEST = "SELECT count(*) FROM guest WHERE host = :host AND stage = 'booting'"
# One guest has answered, and another one has not.
_ANSWERED = """SELECT count(*) FROM guest AS first JOIN guest AS next USING (host)
    WHERE host = :host AND first.stage = 'running' AND next.stage IN ('planned', 'booting')"""
STAGES = {
    **{stage: _HOST.format(stage) for stage in ("probe", "prepare", "network", "image")},
    "boot": _GUEST, "check": _GUEST, "answer": _ANSWERED, "agent": _HOST.format("agent"),
}


def died(stage: str, fleet: Deployment, hosts: list[int], traces: Traces) -> str:
    """All of one stage: the death, the return of the dead, and the end."""
    outcome = fleet.apply_struck(lambda: _is_in(stage, fleet), lambda: _strike(stage, fleet), f"h{VICTIM} is in {stage}")
    if complaints := _complaints(outcome, fleet, spare=hosts[-1]):
        raise Failed("; ".join([*complaints, outcome.words.strip()]))
    alive = [host for host in hosts if host != VICTIM]
    fleet.expect_whole(alive)
    _expect_ring(alive)
    strays = _returned(fleet, hosts, outcome)
    steps.destroyed(fleet, traces)
    why = next(failure["why"] for failure in outcome.report["failures"])
    return (f"{stage}: apply took {outcome.took:.0f} s, status {outcome.status}; h{hosts[-1]} has the place of h{VICTIM}, which is "
            f"set aside ({why}); back on, it had {len(strays)} VMs, which are gone, and is a spare")


def _is_in(stage: str, fleet: Deployment) -> bool:
    if not fleet.recorded(STAGES[stage], host=f"h{VICTIM}"):
        return False
    return stage != "check" or bool(guests_on([VICTIM]))


def _strike(stage: str, fleet: Deployment) -> None:
    # Without power a host is silent. Here the kernel would still close its connections, so its link goes first.
    cut(VICTIM)
    if not fleet.recorded(STAGES[stage], host=f"h{VICTIM}"):
        raise Failed(f"h{VICTIM} had left {stage} before it died")
    lab("crash", f"h{VICTIM}")


def _complaints(outcome: Outcome, fleet: Deployment, spare: int) -> list[str]:
    """What is not so in what apply said, and in its records."""
    report, victim = outcome.report, f"h{VICTIM}"
    complaints = []
    if outcome.status != (1 if report["strays"] else 0):
        complaints.append(f"status {outcome.status} with the strays {report['strays']}")
    if any(stray["host"] != victim for stray in report["strays"]):
        complaints.append(f"strays on hosts that answer: {report['strays']}")
    if {failure["entity"] for failure in report["failures"] if failure["why"]} != {victim}:
        complaints.append(f"not {victim} alone is told to have failed, and why: {report['failures']}")
    states = {host["id"]: (host["role"], host["state"]) for host in fleet.status()["hosts"]}
    if states[victim][1] != "set aside":
        complaints.append(f"{victim} is not set aside")
    if any(state != ("worker", "done agent") for host, state in states.items() if host != victim):
        complaints.append(f"h{spare} or another one is no whole worker: {states}")
    return complaints


def _expect_ring(hosts: list[int]) -> None:
    """The agent of each of these hosts knows all of them, and nobody else, to be alive."""
    wanted = sorted(f"h{host}" for host in hosts)
    seen: dict[int, list[str]] = {}

    def is_whole() -> bool:
        seen.update({host: _alive(agent_says(host, "ring")) for host in hosts})
        return all(ring == wanted for ring in seen.values())

    within(ARRIVAL_MAX, lambda: f"the ring is {wanted}, and not {seen}", is_whole)


def _alive(ring: dict) -> list[str]:
    return sorted(member["node"] for member in ring.get("members", []) if member["state"] == "alive")


def _returned(fleet: Deployment, hosts: list[int], outcome: Outcome) -> list[str]:
    """The victim is switched on: another apply takes off what it still has, and it is a spare. Returns what it had."""
    lab("boot", f"h{VICTIM}")
    lab("join", f"h{VICTIM}")
    strays = _defined()
    if unknown := set(strays) - {stray["vm"] for stray in outcome.report["strays"]}:
        raise Failed(f"h{VICTIM} has {sorted(unknown)}, which the report did not call strays")
    report = json.loads(fleet.apply("--json"))
    if report["failures"] or report["strays"]:
        raise Failed(f"apply with h{VICTIM} back: failures {report['failures']}, strays {report['strays']}")
    if left := _defined():
        raise Failed(f"h{VICTIM} still has {left}")
    state = next(host for host in fleet.status()["hosts"] if host["id"] == f"h{VICTIM}")
    if state["role"] != "spare":
        raise Failed(f"h{VICTIM} is no spare: {state}")
    fleet.expect_whole(hosts)
    return strays


def _defined() -> list[str]:
    return on(VICTIM, "virsh -q list --all --name").split()
