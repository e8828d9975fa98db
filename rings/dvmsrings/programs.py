"""Where the programs of a ring are, and what can go wrong with one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class RingError(Exception):
    """Something that the person at the keyboard can act on: the text says what happened and what to do next."""


@dataclass(frozen=True)
class Programs:
    """The executables of one build."""

    dvmsd: Path
    dvms: Path
    modelled_host: Path

    @classmethod
    def from_environment(cls) -> "Programs":
        """Those of the release build of this checkout, or of the folder that DVMS_BIN names."""
        folder = Path(os.environ.get("DVMS_BIN") or ROOT / ".build" / "release").resolve()
        found = cls(folder / "dvmsd", folder / "dvms", folder / "modelled-host")
        for program in (found.dvmsd, found.dvms, found.modelled_host):
            if not os.access(program, os.X_OK):
                raise RingError(f"{program} is missing; run `make build` first, or set DVMS_BIN")
        return found
