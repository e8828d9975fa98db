"""Seeded placement instances, as dvms-snapshot/1 (docs/snapshots.md).

Nodes have 32 cores, VMs 1 to 8 vCPUs and 1 to 8 GiB. VMs are put down by skewed weights, so that some nodes are
overloaded, while memory always fits.
"""

import dataclasses
import random

CORES = 32_000
RESERVED_MIB = 2_048


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a family of instances has in common."""

    nodes: int
    vms: int
    cpu_percent: int
    """Mean CPU demand over all nodes."""
    memory_percent: int
    """Mean memory demand over all nodes."""
    constraints: bool

    @property
    def name(self):
        ending = " with constraints" if self.constraints else ""
        return f"{self.nodes}/{self.vms} at {self.cpu_percent} % CPU, {self.memory_percent} % memory{ending}"


def several(shape, count):
    """Pairs of a seed and its instance, the seeds from 1."""
    return ((seed, draw(shape, seed)) for seed in range(1, count + 1))


def draw(shape, seed):
    """One instance of a shape, as a snapshot."""
    chance = random.Random(f"{shape} {seed}")
    vms = [draw_vm(chance, index) for index in range(shape.vms)]
    memory = sum(vm["demand"]["memory_mib"] for vm in vms)
    capacity = max(memory * 100 // (shape.memory_percent * shape.nodes), 10_240)
    place(chance, vms, shape.nodes, capacity)
    scale_cpu(vms, shape.nodes * CORES * shape.cpu_percent // 100)
    nodes = [
        {
            "id": f"n{index:05}", "capacity": {"cpu_millicores": CORES, "memory_mib": capacity + RESERVED_MIB},
            "reserved": {"cpu_millicores": 0, "memory_mib": RESERVED_MIB},
        }
        for index in range(shape.nodes)
    ]
    constraints = draw_constraints(chance, nodes, vms) if shape.constraints else []
    while contradict(constraints, nodes):
        constraints = draw_constraints(chance, nodes, vms)
    return {"format": "dvms-snapshot/1", "nodes": nodes, "vms": vms, "constraints": constraints}


def draw_vm(chance, index):
    vcpus = chance.choice([1, 2, 2, 4, 4, 8])
    return {
        "id": f"v{index:06}", "node": "",
        "demand": {
            "cpu_millicores": int(vcpus * 1_000 * chance.uniform(0.1, 1.0)),
            "memory_mib": chance.choice([1_024, 2_048, 4_096, 4_096, 8_192]),
        },
        "vcpus": vcpus,
    }


def place(chance, vms, nodes, capacity):
    """Puts every VM on a node where its memory fits, more of them on nodes with more weight."""
    weights = [chance.choice([0.4, 0.8, 1.0, 1.0, 1.3, 2.0]) for _ in range(nodes)]
    free = [capacity] * nodes
    for vm in sorted(vms, key=lambda vm: -vm["demand"]["memory_mib"]):
        memory = vm["demand"]["memory_mib"]
        node = chance.choices(range(nodes), weights)[0]
        if free[node] < memory:
            roomy = [index for index in range(nodes) if free[index] >= memory]
            node = chance.choices(roomy, [weights[index] for index in roomy])[0]
        free[node] -= memory
        vm["node"] = f"n{node:05}"


def scale_cpu(vms, total):
    now = sum(vm["demand"]["cpu_millicores"] for vm in vms)
    for vm in vms:
        demand = vm["demand"]
        demand["cpu_millicores"] = min(demand["cpu_millicores"] * total // now, CORES * 9 // 10)


def draw_constraints(chance, nodes, vms):
    """A mix of the kinds that operators use most, eleven for each hundred VMs.

    Few VMs are in several of them: where many are, most instances contradict themselves.
    """
    node_ids = [node["id"] for node in nodes]
    fresh = chance.sample([vm["id"] for vm in vms], len(vms))
    found = []
    for _ in range(max(len(vms) // 100, 1)):
        apart = [fresh.pop() for _ in range(12)]
        found += [{"type": "spread", "vms": apart[index::3][:len(nodes)]} for index in range(3)]
        # Half of the fenced and the banned VMs are to be apart from others as well.
        for size in (4, 4):
            members = chance.sample(apart, size // 2) + [fresh.pop() for _ in range(size // 2)]
            found.append(
                {"type": "fence", "vms": members, "nodes": chance.sample(node_ids, (len(nodes) + 1) // 2)})
        for size in (2, 4):
            members = chance.sample(apart, size // 2) + [fresh.pop() for _ in range(size // 2)]
            found.append(
                {"type": "ban", "vms": members, "nodes": chance.sample(node_ids, max(len(nodes) // 5, 1))})
        found.append({"type": "gather", "vms": [fresh.pop() for _ in range(2)]})
        found.append({"type": "root", "vms": [fresh.pop() for _ in range(2)]})
        halves = chance.sample(node_ids, len(nodes))
        middle = len(nodes) // 2
        found.append(
            {"type": "among", "vms": [fresh.pop() for _ in range(3)], "groups": [halves[:middle], halves[middle:]]})
        found.append({"type": "split", "groups": [[fresh.pop(), fresh.pop()] for _ in range(2)]})
    return [with_sorted_lists(constraint) for constraint in found]


def contradict(constraints, nodes):
    """Whether fences and bans leave a VM no node at all, which is bad input rather than a hard problem."""
    allowed = {}
    for constraint in constraints:
        if constraint["type"] not in ("fence", "ban"):
            continue
        for vm in constraint["vms"]:
            left = allowed.setdefault(vm, {node["id"] for node in nodes})
            if constraint["type"] == "fence":
                left.intersection_update(constraint["nodes"])
            else:
                left.difference_update(constraint["nodes"])
    return not all(allowed.values())


def with_sorted_lists(constraint):
    return {
        key: [sorted(group) for group in value] if key == "groups" else sorted(value) if key != "type" else value
        for key, value in constraint.items()
    }
