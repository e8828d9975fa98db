"""The repair of a snapshot as a model for OR-Tools CP-SAT: the least memory moved after which nothing is wrong.

The order of the migrations is not part of it, so its optimum may be out of reach for a plan: a lower bound.
"""

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
    everywhere = set(nodes.values())
    allowed = [set(everywhere) for _ in vms]
    for constraint in snapshot.get("constraints", []):
        members = [vms[vm] for vm in constraint.get("vms", []) if not isinstance(vm, list)]
        if constraint["type"] == "fence":
            for vm in members:
                allowed[vm] &= {nodes[node] for node in constraint["nodes"]}
        elif constraint["type"] == "ban":
            for vm in members:
                allowed[vm] -= {nodes[node] for node in constraint["nodes"]}
        elif constraint["type"] == "root":
            for vm in members:
                allowed[vm] &= {nodes[snapshot["vms"][vm]["node"]]}
    return allowed


def add_capacities(model, snapshot, on):
    by_node = [[] for _ in snapshot["nodes"]]
    for vm, literals in zip(snapshot["vms"], on):
        for node, literal in literals.items():
            by_node[node].append((vm["demand"], literal))
    for node, residents in zip(snapshot["nodes"], by_node):
        for resource in ("cpu_millicores", "memory_mib"):
            usable = node["capacity"][resource] - node.get("reserved", {}).get(resource, 0)
            model.add(sum(demand[resource] * literal for demand, literal in residents) <= usable)


def add_constraint(model, constraint, nodes, vms, on):
    kind = constraint["type"]
    if kind in ("fence", "ban", "root"):
        return
    if kind == "spread":
        members = [on[vms[vm]] for vm in constraint["vms"]]
        for node in nodes.values():
            model.add_at_most_one(literals[node] for literals in members if node in literals)
    elif kind == "gather":
        first, *others = (on[vms[vm]] for vm in constraint["vms"])
        for other in others:
            for node in nodes.values():
                model.add(first.get(node, 0) == other.get(node, 0))
    elif kind == "among":
        chosen = [model.new_bool_var("") for _ in constraint["groups"]]
        model.add_exactly_one(chosen)
        for vm in constraint["vms"]:
            literals = on[vms[vm]]
            for choice, group in zip(chosen, constraint["groups"]):
                inside = [literals[nodes[node]] for node in group if nodes[node] in literals]
                model.add(sum(inside) >= choice)
    elif kind == "split":
        for node in nodes.values():
            used = []
            for group in constraint["groups"]:
                here = [on[vms[vm]][node] for vm in group if node in on[vms[vm]]]
                used.append(model.new_bool_var(""))
                for literal in here:
                    model.add_implication(literal, used[-1])
            model.add_at_most_one(used)
    else:
        raise ValueError(f"no model for {kind}")
