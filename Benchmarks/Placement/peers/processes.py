"""Runs programs and tells what they cost.

As a program: processes.py COMMAND… runs a command and prints its cost and its output. That is how a command is measured,
because a process counts as its own the most memory that the one had which started it, and this one is small.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile


@dataclasses.dataclass(frozen=True)
class Run:
    """One program that has ended."""

    output: str
    cpu_s: float
    """Of the program and what it started, user and system."""
    peak_mib: float
    """The most memory that it had resident."""


def measured(command):
    """Runs a command to its end; raises when it fails."""
    starter = [sys.executable, "-S", pathlib.Path(__file__), *map(str, command)]
    run = subprocess.run(starter, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"{command[0]} failed")
    return Run(**json.loads(run.stdout))


def main():
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(sys.argv[1:], stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        print(json.dumps({
            "output": output.read(), "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1_024,
        }))
    return 1 if os.waitstatus_to_exitcode(status) else 0


if __name__ == "__main__":
    sys.exit(main())
