"""Shows that the checkers can fail: what they must find is planted, found, and taken away again."""

from __future__ import annotations

from dvmslab import damage
from dvmslab.settings import LabError

from . import limits
from .scene import Scene
from .verdict import Sentry, judge
from .waiting import wait_until


def prove(scene: Scene) -> list[str]:
    """What the checkers did not see; empty when they saw everything. The guests are as before afterwards."""
    missed = []
    damaged, doubled = limits.GUEST_NAMES[0], limits.GUEST_NAMES[1]
    ticks = scene.reset_counters()

    damage.flip_bit(scene.host(scene.places()[damaged]), damaged)
    found = judge(scene, {**ticks, doubled: 1 << 60}, set(), set())
    missed += _missing(found.complaints["memory"], f"one flipped bit of {damaged}")
    missed += _missing(found.complaints["counter"], f"a counter of {doubled} that went back")
    scene.renew_memory(damaged)

    place = scene.places()[doubled]
    other = next(host for host in scene.hosts if host.name != place)
    with Sentry(scene) as sentry:
        other.virsh("create", "/dev/stdin", stdin=scene.host(place).virsh("dumpxml", doubled, "--migratable"),
                    seconds_max=limits.GUEST_START_MAX)
        found = judge(scene, {}, set(), set())
        wait_until("the sentry has looked", limits.QUIET_MAX, lambda: sentry.looks > 1)
    missed += _missing(found.complaints["libvirt"], f"a second copy of {doubled}")
    missed += _missing(found.complaints["qemu"], f"a second process of {doubled}")
    missed += _missing(sentry.seen_twice, f"that {doubled} ran twice")
    other.virsh("destroy", doubled, seconds_max=limits.GUEST_START_MAX)

    found = judge(scene, ticks, set(), set())
    if not found.holds:
        raise LabError(f"what was planted is still there: {found}")
    return missed


def _missing(complaints: list[str], what: str) -> list[str]:
    return [] if complaints else [f"no checker saw {what}"]
