"""Copies under way, as libvirt and the process list show them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dvmslab.machine import NoAnswer
from dvmslab.settings import LabError

from . import limits
from .scene import Scene
from .waiting import wait_until

MIB = 1 << 20
# Numbers of virDomainJobType and virDomainJobOperation (libvirt-domain.h).
JOB_TYPES = ["none", "bounded", "unbounded", "completed", "failed", "cancelled"]
OUTGOING_MIGRATION = 5


@dataclass(frozen=True)
class Job:
    """libvirt's word on a migration, on its source."""

    read_at: float  # on this program's monotonic clock
    state: str
    elapsed_ms: int
    remaining_mib: float
    sent_mib: float
    iteration: int

    @property
    def is_copying(self) -> bool:
        return self.state in ("bounded", "unbounded") and self.iteration == 1

    def __str__(self) -> str:
        return f"{self.state}, {self.remaining_mib:.1f} MiB left"


@dataclass(frozen=True)
class Copy:
    """A guest on its way."""

    vm: str
    source: str
    destination: str
    job: Job


def job(scene: Scene, host: str, vm: str, completed: bool = False) -> Job | None:
    """The migration of a guest that its source host reports now, or the last one that ended there or here.

    None when libvirt answers that there is none, or no such guest."""
    try:
        text = scene.host(host).virsh("domjobinfo", vm, "--rawstats", *(["--completed"] if completed else []),
                                      seconds_max=limits.JOB_ANSWER_MAX)
    except NoAnswer:
        raise
    except LabError:
        return None
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    kind = int(fields.get("Job type", 0))
    if kind == 0 or (not completed and int(fields.get("operation", 0)) != OUTGOING_MIGRATION):
        return None
    return Job(time.monotonic(), JOB_TYPES[kind], int(fields.get("time_elapsed", 0)),
               int(fields.get("memory_remaining", 0)) / MIB, int(fields.get("memory_processed", 0)) / MIB,
               int(fields.get("memory_iteration", 0)))


def _under_way(scene: Scene, source: str) -> Copy | None:
    """A guest of `source` that has a second QEMU process elsewhere."""
    for vm in [name for name, place in scene.places().items() if place == source]:
        others = [host for host in scene.holders(vm) if host != source]
        if others:
            found = job(scene, source, vm)
            if found is not None:
                return Copy(vm, source, others[0], found)
    return None


def wait_for_copy(scene: Scene, source: str, most_remaining_mib: float) -> Copy:
    """Returns when the first pass of a copy out of `source` has at most so much left, as libvirt says.

    Raises Late when none begins, LabError when one came to its end before it was seen in time."""
    begun = wait_until(f"a guest of {source} is being copied", limits.OVERLOAD_SEEN_MAX,
                       lambda: _under_way(scene, source))

    def latest() -> Copy | None:
        found = job(scene, source, begun.vm)
        if found is None or found.iteration > 1:
            raise LabError(f"the copy of {begun.vm} was over before a fault could strike: {found or 'no job'}")
        near = found.is_copying and found.remaining_mib <= most_remaining_mib
        return Copy(begun.vm, source, begun.destination, found) if near else None

    found = wait_until(f"the copy of {begun.vm} has at most {most_remaining_mib} MiB left", limits.SLOW_MIGRATION_MAX,
                       latest)
    if found.job.remaining_mib < limits.STRIKE_REMAINING_MIB_MIN:
        raise LabError(f"the copy of {found.vm} was nearly over when it was seen: {found.job}")
    return found


def require_progress(copy: Copy, struck_at: float) -> None:
    """Raises LabError unless the copy must still have been going on at that instant, by what was left to be sent."""
    sent_since = (struck_at - copy.job.read_at) * limits.SLOW_MIB_PER_SECOND
    if not copy.job.is_copying or copy.job.remaining_mib <= sent_since:
        raise LabError(f"the copy of {copy.vm} was not in progress when the fault struck: {copy.job}, read "
                       f"{struck_at - copy.job.read_at:.2f} s before")
