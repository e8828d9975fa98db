"""Processes that a script starts, and that never outlive it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path

from .programs import RingError

READY_SECONDS_MAX = 30.0
END_SECONDS_MAX = 20.0
LOG_LINES_SHOWN = 12


class Child:
    """One process: its first line of output says that it is ready, what it logs goes into a file.

    It ends with this process, even with kill -9, and gets no ^C of the terminal: who started it ends it in order."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, start_new_session=True)
        self._unread = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def await_ready(self, deadline: float) -> str:
        """The rest of its line `ready …`. `deadline` is an instant of time.monotonic()."""
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise RingError(f"{self.name} is not ready in time; its log is {self.log}")
            read = os.read(pipe, 4096)
            if not read:
                raise RingError(f"{self.name} ended with {self.end()}:\n{self.last_words()}")
            self._unread += read
        line = self._unread.split(b"\n", 1)[0].decode(errors="replace")
        if not line.startswith("ready "):
            raise RingError(f"{self.name} printed {line!r} instead of its ready line")
        return line.removeprefix("ready ")

    def signal(self, number: signal.Signals) -> None:
        if self.is_running:
            self._process.send_signal(number)

    def end(self, seconds_max: float = END_SECONDS_MAX) -> int:
        """Waits for its end and returns the exit code; a process that does not end is killed, which is an error."""
        try:
            return self._process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RingError(f"{self.name} did not end within {seconds_max:g} s and was killed; "
                            f"its log is {self.log}") from None
        finally:
            self._process.stdout.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(f"    {line}" for line in lines)


def run(*command: str | Path, seconds_max: float = 30.0) -> str:
    """Runs a command and returns what it printed.

    Raises RingError with the command's own words when it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds_max, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise RingError(f"no answer within {seconds_max:g} s: {' '.join(words)}") from None
    if done.returncode != 0:
        reason = " ".join((done.stderr or done.stdout).split())
        raise RingError(f"{' '.join(words)}: {reason or 'failed'} (exit code {done.returncode})")
    return done.stdout
