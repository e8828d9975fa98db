"""A TCP connection between two guests over which a line goes to and fro all the time."""

from __future__ import annotations

from .lab import Failed, Guest, within
from .shape import ARRIVAL_MAX, BEAT, STALL_MAX


class Stream:
    """From `peer`, which notes when each line came back, to `guest`, which sends back what it gets."""

    def __init__(self, peer: Guest, guest: Guest, port: int) -> None:
        self.peer = peer
        self._log = f"/tmp/stream-{port}"
        peer.run(f": >{self._log}")
        guest.start(f"nc -l -p {port} -e cat")
        self._process = peer.start(
            f"sleep 1; while :; do echo beat; sleep {BEAT}; done | nc {guest.name} {port} |"
            f" while read -r line; do read -r now rest </proc/uptime; echo $now; done >{self._log}")
        self.stall_after(beats=3)

    def _times(self) -> list[float]:
        return [float(line) for line in self.peer.read(self._log).splitlines()]

    def stall_after(self, beats: int) -> float:
        """The longest time between two lines, once so many more have come back. Raises Failed when the stream ended."""
        seen = len(self._times())

        def goes_on() -> bool:
            if not self.peer.is_running(self._process):
                raise Failed(f"the stream from {self.peer.name} ended: {self.peer.read(self._log)[-200:]}")
            return len(self._times()) >= seen + beats

        within(ARRIVAL_MAX + STALL_MAX, lambda: f"{beats} more lines of the stream from {self.peer.name}", goes_on)
        times = self._times()
        return max(after - before for before, after in zip(times, times[1:]))
