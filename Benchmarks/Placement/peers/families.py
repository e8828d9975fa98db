"""Seeded fleets of other kinds than those of instances.py, as dvms-snapshot/1."""

import random

import instances

MIB_PER_GIB = 1_024


def tight(nodes, seed):
    """Memory is 95 % full, and nodes with memory to spare have no CPU to spare: VMs must change places, over a third node.

    All memory sizes are 4 and 8 GiB, and no node has more than 8 GiB free. One node or two have too much CPU.
    """
    chance = random.Random(f"tight {nodes} {seed}")
    capacity_gib = 64
    overloaded = chance.sample(range(nodes), 1 if nodes < 10 else 2)
    vms = []
    for node in range(nodes):
        spare_gib = 0 if node in overloaded else chance.choice([0, 0, 4, 4, 8])
        percent = chance.randint(104, 110) if node in overloaded else chance.randint(*((99, 100) if spare_gib else (80, 90)))
        demands = draw_demands(chance, capacity_gib - spare_gib, instances.CORES * percent // 100)
        vms += [
            {"id": f"v{len(vms) + index:04}", "node": f"n{node:02}", "vcpus": 4, "demand": demand}
            for index, demand in enumerate(demands)
        ]
    return {
        "format": "dvms-snapshot/1",
        "nodes": [node_of(f"n{node:02}", instances.CORES, capacity_gib * MIB_PER_GIB) for node in range(nodes)],
        "vms": vms,
    }


def draw_demands(chance, memory_gib, cpu):
    """Demands that fill so much memory exactly, and ask for so much CPU together."""
    sizes = []
    while memory_gib > sum(sizes):
        sizes.append(chance.choice([size for size in (4, 4, 8) if size <= memory_gib - sum(sizes)]))
    shares = [chance.uniform(0.3, 1.0) for _ in sizes]
    return [
        {"cpu_millicores": int(cpu * share / sum(shares)), "memory_mib": size * MIB_PER_GIB}
        for size, share in zip(sizes, shares)
    ]


def entropy_shape(nodes, seed):
    """Ten VMs on each node with loads drawn from N(60, 20) in steps of 10 %; a node has 8 cores, one for itself.

    Source of the shape: VMPlaceS (Lebre et al., Euro-Par 2015).
    """
    chance = random.Random(f"entropy {nodes} {seed}")
    vms = []
    for index in range(10 * nodes):
        slot = round(min(100, max(0, chance.gauss(60, 20))) / 10)
        vms.append({
            "id": f"v{index:05}", "node": f"n{index % nodes:04}", "vcpus": 1,
            "demand": {"cpu_millicores": slot * 100, "memory_mib": MIB_PER_GIB},
        })
    return {
        "format": "dvms-snapshot/1",
        "nodes": [
            {
                "id": f"n{node:04}", "capacity": {"cpu_millicores": 8_000, "memory_mib": 32 * MIB_PER_GIB},
                "reserved": {"cpu_millicores": 1_000, "memory_mib": 0},
            }
            for node in range(nodes)
        ],
        "vms": vms,
    }


def planetlab(trace, nodes, vms, seed):
    """VMs whose CPU follows machines of PlanetLab at one instant, scaled so that all nodes together are used to 60 %.

    - trace: a file with a line for each machine, its CPU use in percent every five minutes, separated by commas.
    """
    chance = random.Random(f"planetlab {nodes} {vms} {seed}")
    with open(trace) as file:
        machines = [[int(percent) for percent in line.split(",")] for line in file]
    snapshot = instances.draw(instances.Shape(nodes, vms, 60, 60, False), seed)
    instant = chance.randrange(len(machines[0]))
    for vm in snapshot["vms"]:
        percent = chance.choice(machines)[instant]
        vm["demand"]["cpu_millicores"] = vm["vcpus"] * 10 * max(percent, 1)
    instances.scale_cpu(snapshot["vms"], nodes * instances.CORES * 60 // 100)
    return snapshot


def heavy(nodes, vms, seed):
    """A fleet with all fourteen kinds of constraints, most of which hold at first; CPU at 80 %, memory at 60 %."""
    snapshot = instances.draw(instances.Shape(nodes, vms, 80, 60, True), seed)
    chance = random.Random(f"heavy {nodes} {vms} {seed}")
    node_ids = [node["id"] for node in snapshot["nodes"]]
    quiet = chance.choice(node_ids)
    silent = sorted(vm["id"] for vm in snapshot["vms"] if vm["node"] == quiet)
    # Nothing enters or leaves that node, so nothing else can be asked of its VMs.
    snapshot["constraints"] = [
        constraint for constraint in snapshot["constraints"] if not set(silent) & set(names_in(constraint))
    ]
    named = {vm for constraint in snapshot["constraints"] for vm in names_in(constraint)} | set(silent)
    free = [vm for vm in snapshot["vms"] if vm["id"] not in named]
    chance.shuffle(free)
    halves = [sorted(node_ids[:nodes // 2]), sorted(node_ids[nodes // 2:])]
    ones, others = ([vm["id"] for vm in free if vm["node"] in half][:3] for half in halves)
    crowd = sum(vm["node"] in halves[0] for vm in snapshot["vms"])
    rest = [vm["id"] for vm in free if vm["id"] not in ones + others]
    snapshot["constraints"] += [
        {"type": "splitAmong", "vms": [sorted(ones), sorted(others)], "groups": halves},
        {"type": "quarantine", "nodes": [quiet]},
        {"type": "maxOnline", "nodes": sorted(node_ids), "limit": nodes},
        {"type": "runningCapacity", "nodes": halves[0], "limit": crowd + 2},
        {"type": "preserve", "vms": sorted(rest[:3]), "resource": "cpu_millicores", "limit": 1_500},
        {"type": "overbook", "nodes": sorted(chance.sample(node_ids, 2)), "resource": "memory_mib", "ratio_percent": 95},
        {"type": "lonely", "vms": silent},
    ]
    return snapshot


def names_in(constraint):
    lists = constraint.get("vms", []) if constraint["type"] != "split" else sum(constraint["groups"], [])
    return [name for entry in lists for name in (entry if isinstance(entry, list) else [entry])]


def node_of(name, cpu, memory_mib):
    return {
        "id": name,
        "capacity": {"cpu_millicores": cpu, "memory_mib": memory_mib + instances.RESERVED_MIB},
        "reserved": {"cpu_millicores": 0, "memory_mib": instances.RESERVED_MIB},
    }
