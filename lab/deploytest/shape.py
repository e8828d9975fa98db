"""How large the tested fleet is, and every wait of the test; in seconds unless the name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    hosts: int  # in the lab; all but one run guests, the last is a spare
    guests: int
    # After as many recorded transitions `apply` is killed, from its first step to its last.
    killed_after: tuple[int, ...]

    def site(self, host: int) -> str:
        return "paris" if host <= self.hosts // 2 else "lyon"


SHORT = Shape(hosts=4, guests=6, killed_after=(6, 14, 22, 30, 36))
FULL = Shape(hosts=8, guests=20, killed_after=(1, 8, 16, 24, 32, 40, 52, 64, 76, 88, 100, 112))
SMALL = Shape(hosts=4, guests=4, killed_after=())

# What each of two guests of one host is made to take, in percent of its virtual CPU: together more than 80 % of the
# one CPU that the inventory gives a host, alone less.
LOAD_PERCENT = 50
LOAD_SECONDS = 120

KILL_WAIT = 180
# Until the host that is to die has come to its stage, and until an apply that lost it has ended: others fetch from it, and
# each step of it is tried twice.
STAGE_WAIT = 600
APPLY_MAX = 900
REPAIR_MAX = 90
AGENT_ANSWER_MAX = 60
ARRIVAL_MAX = 60
LOOK = 0.2
# Between two looks into the records: a stage may be over in a tenth of a second.
GLANCE = 0.02
# Between two lines of the stream, and how long it may stand still for a migration on a busy machine.
BEAT = 0.1
STALL_MAX = 20
