"""The sections of the benchmark. Each prints a table and returns what fell short of its promise, in words."""

import dataclasses
import json
import statistics

import bounds
import cp_sat
import families
import greedy
import hbal
import instances
import plots
from bench import Bench, Table, peer_program, percentile
from instances import Shape
from processes import measured

CLUSTER_STEPS = 50_000_000
"""Steps of the solver where seconds are allowed."""


def run(root, chosen):
    bench = Bench(root, chosen.quick)
    if chosen.snapshot:
        return given(bench, chosen.snapshot)
    fell_short = []
    for name, section in SECTIONS.items():
        if name in (chosen.only or NAMES):
            fell_short += section(bench, chosen)
    print(f"\nfigures and plots: {bench.folder}")
    return fell_short


def given(bench, files):
    """Clusters that the caller has: everything repaired, and how far from the knapsack bound."""
    return [problem for file in files for problem in cluster(bench, file, json.load(open(file)), None, None)]


# Partitions


def partitions(bench, _):
    """Partitions of an ISP beside CP-SAT, both on one core."""
    promises = {5: Promise(), 10: Promise(95, 3, 10), 20: Promise(85, 3, 50)}
    table = Table(
        "PARTITIONS", "FEASIBLE", "OPTIMAL", "WORST GAP", "MEDIAN MS", "P99 MS", "CP-SAT MS", "RATIO", "WORST")
    problems, rows = [], []
    for nodes, promise in promises.items():
        for cpu in (80, 90):
            shape = Shape(nodes, 10 * nodes, cpu, 60, True)
            drawn = {
                bench.written(f"partition-{nodes}-{cpu}-{seed}", snapshot): snapshot
                for seed, snapshot in instances.several(shape, bench.some(100, 20))
            }
            own, own_rows = compare_partitions(bench, table, f"{nodes}/{10 * nodes} at {cpu} % CPU", drawn, promise)
            problems += own
            rows += own_rows
    bench.record("partitions", rows)
    plots.partitions(rows, bench.folder / "partitions.png")
    return problems


def constraint_heavy(bench, _):
    """20/200 with all fourteen kinds of constraints."""
    table = Table(
        "CONSTRAINT-HEAVY", "FEASIBLE", "OPTIMAL", "WORST GAP", "MEDIAN MS", "P99 MS", "CP-SAT MS", "RATIO", "WORST")
    drawn = {}
    for seed in range(1, bench.some(50, 10) + 1):
        snapshot = families.heavy(20, 200, seed)
        drawn[bench.written(f"heavy-{seed}", snapshot)] = snapshot
    problems, rows = compare_partitions(bench, table, "20/200 with all fourteen kinds", drawn, Promise(85, 3))
    bench.record("constraint-heavy", rows)
    return problems


@dataclasses.dataclass(frozen=True)
class Promise:
    """What is promised of a family of partitions; None where nothing is."""

    proven_percent: int | None = None
    gap_percent: int | None = None
    p99_ms: int | None = None

    def broken(self, name, optimal, count, worst_gap, p99):
        if self.proven_percent and optimal * 100 < self.proven_percent * count:
            yield f"{name}: {optimal} of {count} optimal, promised {self.proven_percent} %"
        if self.gap_percent and worst_gap * 100 > self.gap_percent:
            yield f"{name}: worst gap {worst_gap:.1%}, promised {self.gap_percent} %"
        if self.p99_ms and p99 > self.p99_ms:
            yield f"{name}: p99 {p99:.1f} ms, promised {self.p99_ms}"


def compare_partitions(bench, table, name, drawn, promise):
    """`drawn`: snapshots by their files."""
    ours = bench.solve(drawn)
    peers = [cp_sat.solve(snapshot, 20) for snapshot in drawn.values()]
    pairs = [(our, peer) for our, peer in zip(ours, peers) if peer["status"] != "infeasible"]
    rows = [
        {
            "family": name, "file": our["file"], "status": our["status"], "mib": our["memory_mib"],
            "cp_sat_mib": peer["memory_mib"], "ms": our["median_ms"], "cp_sat_ms": peer["solve_s"] * 1_000,
            "ratio": peer["solve_s"] * 1_000 / our["median_ms"],
        }
        for our, peer in pairs
    ]
    optimal = sum(our["status"] == "optimal" or our["memory_mib"] == peer["memory_mib"] for our, peer in pairs)
    worst_gap = max(our["memory_mib"] / peer["memory_mib"] - 1 for our, peer in pairs if peer["memory_mib"])
    p99 = percentile([row["ms"] for row in rows], 99)
    table.row(
        name, len(pairs), optimal, f"{worst_gap:.1%}", f"{statistics.median(row['ms'] for row in rows):.2f}", f"{p99:.2f}",
        f"{statistics.median(row['cp_sat_ms'] for row in rows):.0f}",
        f"{statistics.median(row['ratio'] for row in rows):.0f}x", f"{min(row['ratio'] for row in rows):.1f}x")
    problems = [
        f"{our['file']}: {our['memory_mib']} MiB are called optimal, CP-SAT proves {peer['memory_mib']}"
        for our, peer in pairs
        # Memory is not so tight here that the order of migrations matters, which CP-SAT does not see.
        if our["status"] == peer["status"] == "optimal" and our["memory_mib"] != peer["memory_mib"]]
    problems += [
        f"{our['file']}: called {our['status']}, CP-SAT says {peer['status']}"
        for our, peer in zip(ours, peers)
        if (our["status"] == "impossible") != (peer["status"] == "infeasible") and our["status"] != "gave_up"]
    problems += promise.broken(name, optimal, len(pairs), worst_gap, p99)
    return problems, rows


def growth(bench, _):
    """A partition that grows from 2 nodes to the first plan, as an ISP's does, and on to 20."""
    table = Table("GROWTH FROM 2 TO 20 NODES", "MEDIAN", "WORST")
    problems = []
    for cpu in (80, 90):
        shape = Shape(20, 200, cpu, 60, True)
        files = [bench.written(f"growth-{cpu}-{seed}", instances.draw(shape, seed)) for seed in range(1, 21)]
        lines = bench.solve(files, "--growth")
        for key, what in [("ratio_to_plan", "to the first plan"), ("ratio", "to 20 nodes")]:
            ratios = [line[key] for line in lines]
            median = statistics.median(ratios)
            table.row(f"{shape.name}, {what}: all sizes ÷ the last", f"{median:.1f}x", f"{max(ratios):.1f}x")
            if median > 2:
                problems.append(f"growth at {cpu} %, {what}: {median:.1f} times the last solve, promised 2")
    return problems


# Clusters


def clusters(bench, _):
    """Whole clusters without constraints, beside the knapsack bound and the naive greedy."""
    problems = []
    for nodes, vms, cpu_s, peak_mib in bench.some(
            [(100, 1_000, 0.05, None), (1_000, 10_000, 1, None), (10_000, 100_000, 15, 2_048)],
            [(100, 1_000, 0.05, None), (1_000, 10_000, 1, None)]):
        snapshot = instances.draw(Shape(nodes, vms, 60, 45, False), 1)
        file = bench.written(f"cluster-{nodes}-{vms}", snapshot)
        problems += cluster(bench, file, snapshot, cpu_s, peak_mib)
    return problems


def cluster(bench, file, snapshot, cpu_s_promised, peak_mib_promised):
    name = f"{len(snapshot['nodes'])}/{len(snapshot['vms'])}"
    table = Table(f"CLUSTER {name}", "LEFT", "MOVES", "MIB", "OVER BOUND", "CPU S", "PEAK MIB")
    bound = bounds.knapsack_mib(snapshot)
    our = bench.solve([file], "--steps", CLUSTER_STEPS)[0]
    cpu_s = our["median_ms"] / 1_000
    print_tool(table, "dvms", our["violations_after"], our["migrations"], our["memory_mib"], bound, cpu_s, our["peak_mib"])
    run = measured([*peer_program("greedy"), file])
    naive = json.loads(run.output)
    print_tool(
        table, "naive greedy, without constraints", naive["overloaded"], naive["migrations"], naive["memory_mib"], bound,
        naive["solve_s"], run.peak_mib)
    table.row("knapsack bound of each node, summed", "", "", bound)
    problems = []
    if our["violations_after"]:
        problems.append(f"{name}: {our['violations_after']} violations left")
    if our["memory_mib"] > 1.005 * bound:
        problems.append(f"{name}: {our['memory_mib'] / bound:.3f} of the knapsack bound, promised 1.005")
    if cpu_s_promised and cpu_s > cpu_s_promised:
        problems.append(f"{name}: {cpu_s:.2f} s, promised {cpu_s_promised}")
    if peak_mib_promised and our["peak_mib"] > peak_mib_promised:
        problems.append(f"{name}: {our['peak_mib']} MiB of memory, promised {peak_mib_promised}")
    return problems


def print_tool(table, name, left, moves, mib, bound, cpu_s, peak_mib):
    over = f"{mib / bound:.3f}x" if bound and mib is not None else "-"
    table.row(
        name, left, "-" if moves is None else moves, "-" if mib is None else mib, over, f"{cpu_s:.3f}", f"{peak_mib:.0f}")


def loaded_cluster(bench, _):
    """200/3,000 at 92 % CPU and 85 % memory with constraints, where CP-SAT is given 90 s and two cores."""
    shape = Shape(200, 3_000, 92, 85, True)
    seconds = bench.some(90, 20)
    snapshot = instances.draw(shape, 1)
    file = bench.written("loaded-cluster", snapshot)
    bound = bounds.knapsack_mib(snapshot)
    our = bench.solve([file], "--steps", CLUSTER_STEPS)[0]
    run = measured([*peer_program("cp_sat"), file, seconds, 2])
    peer = json.loads(run.output)
    table = Table(f"CLUSTER {shape.name}", "LEFT", "MOVES", "MIB", "OVER BOUND", "CPU S", "PEAK MIB")
    print_tool(
        table, "dvms", our["violations_after"], our["migrations"], our["memory_mib"], bound, our["median_ms"] / 1_000,
        our["peak_mib"])
    print_tool(
        table, f"OR-Tools CP-SAT, {seconds} s, {peer['status']}", 0 if peer["memory_mib"] else "-", peer["migrations"],
        peer["memory_mib"], bound, run.cpu_s, run.peak_mib)
    run = measured([*peer_program("greedy"), file])
    naive = json.loads(run.output)
    print_tool(
        table, "naive greedy, without constraints", naive["overloaded"], naive["migrations"], naive["memory_mib"], bound,
        naive["solve_s"], run.peak_mib)
    table.row("bounds: knapsack, ours, CP-SAT's", "", "", bound, our["bound_memory_mib"], peer["bound_memory_mib"])
    problems = []
    if our["violations_after"]:
        problems.append(f"{shape.name}: {our['violations_after']} violations left")
    if our["median_ms"] > 5_000:
        problems.append(f"{shape.name}: {our['median_ms'] / 1_000:.1f} s, promised 5")
    if peer["memory_mib"] and our["memory_mib"] > 0.6 * peer["memory_mib"]:
        problems.append(
            f"{shape.name}: {our['memory_mib'] / peer['memory_mib']:.2f} of what CP-SAT moves, promised 0.6 (a plan at"
            f" 0.6 would move {0.6 * peer['memory_mib'] / our['bound_memory_mib']:.2f} of our lower bound)")
    return problems


def planetlab(bench, chosen):
    """100/1,000 with demands from a trace."""
    if not chosen.planetlab:
        print("\nplanetlab: left out; give a trace with --planetlab")
        return []
    problems = []
    for seed in (1, 2, 3):
        snapshot = families.planetlab(chosen.planetlab, 100, 1_000, seed)
        problems += cluster(bench, bench.written(f"planetlab-{seed}", snapshot), snapshot, 0.05, None)
    return problems


# Balancers


def balance(bench, _):
    """Whole-cluster balance by hbal's own score, which hbal computes for both."""
    if not hbal.is_here():
        return ["balance: hbal is missing; apt-get install ganeti-htools"]
    table = Table("BALANCE 20/200 at 60 % CPU", "SCORE", "HBAL", "MOVES", "HBAL", "CPU MS", "HBAL MS", "RATIO")
    problems, rows = [], []
    for seed in range(1, bench.some(5, 2) + 1):
        snapshot = instances.draw(Shape(20, 200, 60, 45, False), seed)
        moves, before, theirs, run = hbal.balance(snapshot, bench.folder)
        snapshot["policy"] = {"name": "balance", "moves_max": len(moves)}
        our = bench.solve([bench.written(f"balance-{seed}", snapshot)], "--moves")[0]
        ours = hbal.score(snapshot, {vm: to for vm, _, to in our["moves"]}, bench.folder)
        ratio = run.cpu_s * 1_000 / our["median_ms"]
        table.row(
            f"seed {seed}, score {before:.3f} at first", f"{ours:.4f}", f"{theirs:.4f}", our["migrations"], len(moves),
            f"{our['median_ms']:.1f}", f"{run.cpu_s * 1_000:.0f}", f"{ratio:.0f}x")
        rows.append({
            "seed": seed, "score_before": before, "score": ours, "hbal_score": theirs, "moves": our["migrations"],
            "hbal_moves": len(moves), "ms": our["median_ms"], "hbal_ms": run.cpu_s * 1_000,
        })
        if ours > theirs:
            problems.append(f"balance, seed {seed}: score {ours:.4f}, hbal reaches {theirs:.4f}")
        if our["migrations"] > len(moves):
            problems.append(f"balance, seed {seed}: {our['migrations']} moves, hbal takes {len(moves)}")
        if ratio < 100:
            problems.append(f"balance, seed {seed}: {ratio:.0f} times as fast as hbal, promised 100")
    bench.record("balance", rows)
    plots.balance(rows, bench.folder / "balance.png")
    return problems


def proxlb_cluster(bench, _):
    """ProxLB on 100/1,000: one cycle, and as many as it takes."""
    snapshot = instances.draw(Shape(100, 1_000, 60, 45, False), 1)
    file = bench.written("proxlb", snapshot)
    bound = bounds.knapsack_mib(snapshot)
    our = bench.solve([file])[0]
    table = Table("PROXLB 100/1,000 at 60 % CPU", "LEFT", "MOVES", "MIB", "OVER BOUND", "CPU S", "PEAK MIB")
    print_tool(
        table, "dvms", our["violations_after"], our["migrations"], our["memory_mib"], bound, our["median_ms"] / 1_000,
        our["peak_mib"])
    problems = [f"proxlb: {our['violations_after']} violations left"] if our["violations_after"] else []
    memory = {vm["id"]: vm["demand"]["memory_mib"] for vm in snapshot["vms"]}
    for cycles in (1, 60):
        run = measured([*peer_program("proxlb_cycles"), file, cycles])
        peer = json.loads(run.output)
        mib = sum(memory[vm] for vm in peer["moves"])
        print_tool(
            table, f"ProxLB, {peer['cycles']} {'cycle' if peer['cycles'] == 1 else 'cycles'}", peer["overloaded"],
            len(peer["moves"]), mib, bound, run.cpu_s, run.peak_mib)
        if peer["overloaded"] == 0 and our["memory_mib"] >= mib:
            problems.append(f"proxlb: {our['memory_mib']} MiB, ProxLB moves {mib}")
    return problems


# Plans


def tight_memory(bench, _):
    """Memory 95 % full: what has to step aside, and what that costs. The program's plans are checked by replay."""
    table = Table(
        "MEMORY 95 % FULL", "INSTANCES", "OPTIMAL", "FEASIBLE", "IMPOSSIBLE", "GAVE UP", "PIVOTS", "PIVOT MIB", "OF MIB",
        "P99 MS")
    problems, rows = [], []
    for nodes in (5, 10, 20):
        drawn = [families.tight(nodes, seed) for seed in range(1, bench.some(100, 20) + 1)]
        files = [bench.written(f"tight-{nodes}-{seed}", snapshot) for seed, snapshot in enumerate(drawn, 1)]
        lines = bench.solve(files, "--moves", "--rounds", 1)
        statuses = [line["status"] for line in lines]
        pivots = [pivot_mib(line["moves"], snapshot) for line, snapshot in zip(lines, drawn)]
        table.row(
            f"{nodes} nodes", len(lines), *(statuses.count(word) for word in ("optimal", "feasible", "impossible", "gave_up")),
            f"{sum(mib > 0 for mib in pivots) / len(lines):.0%}", sum(pivots), sum(line["memory_mib"] for line in lines),
            f"{percentile([line['median_ms'] for line in lines], 99):.0f}")
        rows += [
            {"file": line["file"], "status": line["status"], "mib": line["memory_mib"],
             "bound_mib": line.get("bound_memory_mib", ""), "pivot_mib": mib, "ms": line["median_ms"]}
            for line, mib in zip(lines, pivots)
        ]
        for line, snapshot in zip(lines, drawn):
            error = replayed(snapshot, line["moves"])
            if error:
                problems.append(f"{line['file']}: {error}")
    bench.record("tight-memory", rows)
    return problems


def pivot_mib(moves, snapshot):
    """The memory of the hops beyond one for each VM that moves."""
    memory = {vm["id"]: vm["demand"]["memory_mib"] for vm in snapshot["vms"]}
    return sum(memory[vm] for vm, _, _ in moves) - sum(memory[vm] for vm in {vm for vm, _, _ in moves})


def replayed(snapshot, moves):
    """What goes wrong when the migrations are done one after another; nil when nothing does."""
    free = {node["id"]: node["capacity"]["memory_mib"] - node["reserved"]["memory_mib"] for node in snapshot["nodes"]}
    memory = {vm["id"]: vm["demand"]["memory_mib"] for vm in snapshot["vms"]}
    place = {vm["id"]: vm["node"] for vm in snapshot["vms"]}
    for vm, node in place.items():
        free[node] -= memory[vm]
    for vm, source, destination in moves:
        if place[vm] != source:
            return f"{vm} is on {place[vm]} when it is to leave {source}"
        if free[destination] < memory[vm]:
            return f"{destination} has {free[destination]} MiB when {vm} arrives with {memory[vm]}"
        place[vm] = destination
        free[source] += memory[vm]
        free[destination] -= memory[vm]
    return None


def entropy(bench, _):
    """The shape on which Entropy was measured; Entropy's figures are published ones, not of this run."""
    published_s = {128: 0.52, 256: 1.4, 512: 4.1}
    table = Table("ENTROPY'S SHAPE, MEDIANS OF 5 SEEDS", "OVERLOADED", "MOVES", "PROVEN", "MS", "ENTROPY MS")
    for nodes, seconds in published_s.items():
        files = [bench.written(f"entropy-{nodes}-{seed}", families.entropy_shape(nodes, seed)) for seed in range(1, 6)]
        lines = bench.solve(files)
        table.row(
            f"{nodes} nodes, {10 * nodes} VMs", statistics.median(line["violations_before"] for line in lines),
            statistics.median(line["migrations"] for line in lines),
            f"{sum(line['status'] == 'optimal' for line in lines)}/5",
            f"{statistics.median(line['median_ms'] for line in lines):.1f}", f"{seconds * 1_000:.0f}")
    print("Entropy 2.1's time to its first solution was measured elsewhere on two such cores; one migration an overload.")
    return []


SECTIONS = {
    "partitions": partitions, "constraint-heavy": constraint_heavy, "growth": growth, "clusters": clusters,
    "loaded-cluster": loaded_cluster, "planetlab": planetlab, "balance": balance, "proxlb": proxlb_cluster,
    "tight-memory": tight_memory, "entropy": entropy,
}
NAMES = list(SECTIONS)
