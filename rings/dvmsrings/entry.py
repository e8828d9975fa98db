"""What all programs here do before and after their own work."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from .grants import GrantsError
from .programs import RingError


def run(name: str, main: Callable[[], int]) -> None:
    """Runs a program and ends with its exit code; 1 with the reason when it failed, as a shell would on ^C.

    SIGTERM and SIGHUP end it as ^C does: what it started is ended in order."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        sys.exit(main())
    except (RingError, GrantsError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
