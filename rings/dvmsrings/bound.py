"""The most messages that an ISP may send, as docs/protocol.md states it, from what its journal says of it."""

from __future__ import annotations

from dataclasses import dataclass

from .journal import Event, Isp, Migration

# Defaults of the config file, in milliseconds, and of `max_replans`.
RENEW_INTERVAL_MS = 2_500
ACTION_POLL_MS = 2_000
WAIT_POLL_MS = 2_000
REPLANS_MAX = 2


@dataclass(frozen=True)
class Bound:
    """Each part, in messages."""

    reserve: int
    renew: int
    migrate: int
    wait: int
    release: int

    @property
    def total(self) -> int:
        return self.reserve + self.renew + self.migrate + self.wait + self.release


def bound(isp: Isp, nodes: int, events: list[Event], migrations: list[Migration]) -> Bound:
    """For an ISP that has ended. `nodes` is the size of the ring; `events` and `migrations` are those of the ISP."""
    met = {event.facts["reason"] for event in events
           if event.kind == "skipped" and event.facts["reason"].startswith("held by ")}
    granted = sum(event.kind == "granted" for event in events)
    others = isp.members_peak - 1
    return Bound(
        # Each node once a sweep, and once more when it is silent.
        reserve=2 * (nodes - 1) * isp.sweeps,
        # Each member at each interval; and twice for each plan that is confirmed or looked for again.
        renew=others * (isp.took_ms // RENEW_INTERVAL_MS + 2 * (isp.solves + REPLANS_MAX)),
        # The order, its result, and a question at each poll.
        migrate=sum(2 + (migration.took_ms or isp.took_ms) // ACTION_POLL_MS for migration in migrations),
        # Each ISP met at each poll, and twice a sweep because of a hint that one has ended.
        wait=len(met) * (isp.took_ms // WAIT_POLL_MS + 2 * isp.sweeps),
        release=granted)
