"""Waiting for what shall come true, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .limits import LOOK

Value = TypeVar("Value")


class Late(Exception):
    """Something did not come true in time."""


def wait_until(what: str, seconds_max: float, condition: Callable[[], Value], pause: float = LOOK,
               why_not: Callable[[], str] | None = None) -> Value:
    """Asks `condition` until it gives something true, and returns that. Raises Late with what `why_not` says."""
    deadline = time.monotonic() + seconds_max
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            reason = f" ({why_not()})" if why_not else ""
            raise Late(f"not within {seconds_max:g} s: {what}{reason}")
        time.sleep(pause)
