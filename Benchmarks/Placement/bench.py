"""What the sections share: running the solver, writing snapshots, printing tables."""

import json
import pathlib
import subprocess
import sys


class Bench:
    """One run of the benchmark: where its files go, and how much of everything it does."""

    def __init__(self, root, is_quick):
        self.program = root / ".build" / "release" / "placement-benchmark"
        self.folder = root / ".build" / "placement-benchmark"
        self.instances = self.folder / "instances"
        self.instances.mkdir(parents=True, exist_ok=True)
        self.is_quick = is_quick

    def some(self, whole, quick):
        return quick if self.is_quick else whole

    def solve(self, files, *options):
        """What the solver says of each file; see PlacementBenchmark.swift for the options."""
        run = subprocess.run([self.program, *map(str, options), *files], stdout=subprocess.PIPE, text=True)
        if run.returncode != 0:
            sys.exit("placement-benchmark: the solver's program failed; build it with make build")
        return [json.loads(line) for line in run.stdout.splitlines()]

    def written(self, name, snapshot):
        path = self.instances / f"{name}.json"
        path.write_text(json.dumps(snapshot))
        return path

    def record(self, name, rows):
        """Figures of single instances, as CSV: rows are dicts with the same keys."""
        keys = list(rows[0])
        lines = [",".join(keys)] + [",".join(str(row[key]) for key in keys) for row in rows]
        (self.folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


class Table:
    """Rows of figures under headings, printed as they come."""

    def __init__(self, title, *headings):
        self.width = 46
        print()
        self.row(title, *headings)

    def row(self, name, *figures):
        print(f"{name:{self.width}}", *(f"{figure:>10}" for figure in figures), flush=True)


def percentile(values, percent):
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    return sorted(values)[max(-(-len(values) * percent // 100), 1) - 1]


def peer_program(name):
    """The command that runs a peer as a program of its own."""
    return [sys.executable, pathlib.Path(__file__).parent / "peers" / f"{name}.py"]
