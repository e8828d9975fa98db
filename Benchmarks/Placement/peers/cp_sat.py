"""The repair of a snapshot as a model for OR-Tools CP-SAT: the least memory moved after which nothing is wrong.

The order of the migrations is not part of it, so its optimum may be out of reach for a plan: a lower bound.
As a program: cp_sat.py SNAPSHOT SECONDS WORKERS prints what came of it.
"""

import json
import sys
import time

from ortools.sat.python import cp_model


def solve(snapshot, seconds, workers=1):
    """Status, MiB moved, bound, moves and seconds (building the model apart)."""
    began = time.monotonic()
    model, stays = build(snapshot)
    built = time.monotonic()
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = workers
    status = solver.solve(model)
    ended = time.monotonic()
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return {
        "status": solver.status_name(status).lower(),
        "memory_mib": round(solver.objective_value) if found else None,
        "bound_memory_mib": None if status == cp_model.INFEASIBLE else round(solver.best_objective_bound),
        "migrations": sum(not solver.value(stay) for stay in stays) if found else None,
        "build_s": built - began, "solve_s": ended - built,
    }


def build(snapshot):
    """The model, and by VM a literal for its staying."""
    model = cp_model.CpModel()
    nodes = {node["id"]: index for index, node in enumerate(snapshot["nodes"])}
    vms = {vm["id"]: index for index, vm in enumerate(snapshot["vms"])}
    allowed = allowed_nodes(snapshot, nodes, vms)
    on = []
    for vm, candidates in zip(snapshot["vms"], allowed):
        literals = {node: model.new_bool_var("") for node in sorted(candidates)}
        model.add_exactly_one(literals.values())
        for node, literal in literals.items():
            model.add_hint(literal, node == nodes[vm["node"]])
        on.append(literals)
    add_capacities(model, snapshot, on)
    for constraint in snapshot.get("constraints", []):
        add_constraint(model, constraint, nodes, vms, on)
    stays = [literals.get(nodes[vm["node"]], 0) for vm, literals in zip(snapshot["vms"], on)]
    model.minimize(sum(vm["demand"]["memory_mib"] * (1 - stay) for vm, stay in zip(snapshot["vms"], stays)))
    return model, stays


def allowed_nodes(snapshot, nodes, vms):
    """By VM, the nodes on which it may be by the constraints that are about it alone."""
    origin = [nodes[vm["node"]] for vm in snapshot["vms"]]
    allowed = [set(nodes.values()) for _ in vms]
    for constraint in snapshot.get("constraints", []):
        named = {nodes[node] for node in constraint.get("nodes", [])}
        if constraint["type"] == "quarantine":
            for vm, there in enumerate(origin):
                allowed[vm] = {there} if there in named else allowed[vm] - named
        if constraint["type"] not in ("fence", "ban", "root"):
            continue
        for vm in (vms[name] for name in constraint["vms"]):
            if constraint["type"] == "fence":
                allowed[vm] &= named
            elif constraint["type"] == "ban":
                allowed[vm] -= named
            else:
                allowed[vm] &= {origin[vm]}
    return allowed


def add_capacities(model, snapshot, on):
    floors, ratios = load_rules(snapshot)
    by_node = [[] for _ in snapshot["nodes"]]
    for vm, literals in zip(snapshot["vms"], on):
        for node, literal in literals.items():
            by_node[node].append((vm, literal))
    for node, residents in zip(snapshot["nodes"], by_node):
        for resource in ("cpu_millicores", "memory_mib"):
            usable = node["capacity"][resource] - node.get("reserved", {}).get(resource, 0)
            usable = usable * ratios.get((node["id"], resource), 100) // 100
            model.add(sum(
                max(vm["demand"][resource], floors.get((vm["id"], resource), 0)) * literal
                for vm, literal in residents) <= usable)


def load_rules(snapshot):
    """What `preserve` makes of demands and `overbook` of nodes, by VM or node and resource."""
    floors, ratios = {}, {}
    for constraint in snapshot.get("constraints", []):
        if constraint["type"] == "preserve":
            for vm in constraint["vms"]:
                key = (vm, constraint["resource"])
                floors[key] = max(floors.get(key, 0), constraint["limit"])
        elif constraint["type"] == "overbook":
            for node in constraint["nodes"]:
                key = (node, constraint["resource"])
                ratios[key] = min(ratios.get(key, 100), constraint["ratio_percent"])
    return floors, ratios


def add_constraint(model, constraint, nodes, vms, on):
    kind = constraint["type"]
    if kind in ("fence", "ban", "root", "quarantine", "preserve", "overbook"):
        return
    ADD[kind](model, constraint, nodes, vms, on)


def add_spread(model, constraint, nodes, vms, on):
    members = [on[vms[vm]] for vm in constraint["vms"]]
    for node in nodes.values():
        model.add_at_most_one(literals[node] for literals in members if node in literals)


def add_gather(model, constraint, nodes, vms, on):
    first, *others = (on[vms[vm]] for vm in constraint["vms"])
    for other in others:
        for node in nodes.values():
            model.add(first.get(node, 0) == other.get(node, 0))


def add_among(model, constraint, nodes, vms, on):
    choices = [model.new_bool_var("") for _ in constraint["groups"]]
    keep_within(model, choices, [on[vms[vm]] for vm in constraint["vms"]], constraint["groups"], nodes)


def keep_within(model, choices, members, groups, nodes):
    """Exactly one choice is made, and all members are on nodes of the group that is chosen."""
    model.add_exactly_one(choices)
    for literals in members:
        for choice, group in zip(choices, groups):
            model.add(sum(literals[nodes[node]] for node in group if nodes[node] in literals) >= choice)


def add_split(model, constraint, nodes, vms, on):
    for node in nodes.values():
        model.add_at_most_one(
            used(model, [on[vms[vm]][node] for vm in group if node in on[vms[vm]]]) for group in constraint["groups"])


def add_split_among(model, constraint, nodes, vms, on):
    chosen = []
    for group in constraint["vms"]:
        choices = [model.new_bool_var("") for _ in constraint["groups"]]
        keep_within(model, choices, [on[vms[vm]] for vm in group], constraint["groups"], nodes)
        chosen.append(choices)
    for choices in zip(*chosen):
        model.add_at_most_one(choices)


def add_lonely(model, constraint, nodes, vms, on):
    members = {vms[vm] for vm in constraint["vms"]}
    for node in nodes.values():
        company = used(model, [literals[node] for vm, literals in enumerate(on) if vm not in members and node in literals])
        for vm in members:
            if node in on[vm]:
                model.add_implication(on[vm][node], company.negated())


def add_max_online(model, constraint, nodes, vms, on):
    online = [
        used(model, [literals[nodes[node]] for literals in on if nodes[node] in literals])
        for node in constraint["nodes"]
    ]
    model.add(sum(online) <= constraint["limit"])


def add_running_capacity(model, constraint, nodes, vms, on):
    named = {nodes[node] for node in constraint["nodes"]}
    model.add(
        sum(literal for literals in on for node, literal in literals.items() if node in named) <= constraint["limit"])


def used(model, literals):
    """A literal that holds when any of these does."""
    some = model.new_bool_var("")
    for literal in literals:
        model.add_implication(literal, some)
    return some


ADD = {
    "spread": add_spread, "gather": add_gather, "among": add_among, "split": add_split, "splitAmong": add_split_among,
    "lonely": add_lonely, "maxOnline": add_max_online, "runningCapacity": add_running_capacity,
}

if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(json.dumps(solve(json.load(file), float(sys.argv[2]), int(sys.argv[3]))))
