"""ProxLB (PyPI: proxlb), a balancer for Proxmox: one cycle, and cycles until nothing is overloaded.

ProxLB takes its data from a cluster's API; here the same data structures are filled from a snapshot.
As a program: proxlb_cycles.py SNAPSHOT CYCLES prints moves (VM to node), the cycles that were made, and the overloaded nodes left.
"""

import json
import logging
import sys

MIB = 1 << 20
BALANCINESS = 10
"""ProxLB's own default: how many points of per cent the fullest and the emptiest node may differ."""
IDLE = {
    "pressure_some_percent": 0, "pressure_full_percent": 0, "pressure_some_spikes_percent": 0,
    "pressure_full_spikes_percent": 0, "pressure_hot": False,
}


def repair(snapshot, cycles_max):
    """Where VMs are at last that were moved, after how many cycles, and how many nodes are overloaded then."""
    places = {vm["id"]: vm["node"] for vm in snapshot["vms"]}
    for cycle in range(1, cycles_max + 1):
        after = cycle_of(snapshot, places)
        is_idle = after == places
        places = after
        left = overloaded(snapshot, places)
        if left == 0 or is_idle:
            break
    moves = {vm["id"]: places[vm["id"]] for vm in snapshot["vms"] if places[vm["id"]] != vm["node"]}
    return {"moves": moves, "cycles": cycle, "overloaded": left}


def loads(snapshot, places):
    cpu = {node["id"]: 0 for node in snapshot["nodes"]}
    memory = dict(cpu)
    for vm in snapshot["vms"]:
        cpu[places[vm["id"]]] += vm["demand"]["cpu_millicores"]
        memory[places[vm["id"]]] += vm["demand"]["memory_mib"]
    return cpu, memory


def overloaded(snapshot, places):
    cpu, _ = loads(snapshot, places)
    return sum(cpu[node["id"]] > node["capacity"]["cpu_millicores"] for node in snapshot["nodes"])


def cycle_of(snapshot, places):
    """What one run of ProxLB makes of it."""
    from proxlb.models.calculations import Calculations
    from proxlb.utils.proxlb_data import ProxLbData

    logging.disable(logging.CRITICAL)
    data = ProxLbData(
        groups={"affinity": groups(snapshot)}, guests=guests(snapshot, places), ha_rules={}, pools={},
        nodes=nodes(snapshot, places), meta={"cluster_non_pve9": False, **settings()})
    Calculations.set_node_assignments(data)
    Calculations.get_most_free_node(data, False)
    Calculations.validate_affinity_map(data)
    Calculations.get_balanciness(data)
    Calculations.relocate_guests(data)
    return {guest.name: guest.node_target for guest in data.guests.values()}


def settings():
    return {
        "proxmox_api": {"hosts": ["-"], "user": "-@pam", "password": "-", "pass": "-"},
        "balancing": {
            "enable": True, "method": "cpu", "mode": "used", "balanciness": BALANCINESS,
            "balance_larger_guests_first": True, "balance_types": ["vm"],
        },
    }


def nodes(snapshot, places):
    cpu, memory = loads(snapshot, places)

    def metric(total, used):
        return {
            "total": total, "assigned": 0, "used": used, "free": total - used, "assigned_percent": 0,
            "free_percent": 100 * (total - used) / total, "used_percent": 100 * used / total, **IDLE,
        }

    return {
        node["id"]: {
            "name": node["id"], "pve_version": "9.0", "pressure_hot": False, "maintenance": False,
            "cpu": metric(node["capacity"]["cpu_millicores"] / 1_000, cpu[node["id"]] / 1_000),
            "memory": metric(
                node["capacity"]["memory_mib"] * MIB,
                (memory[node["id"]] + node["reserved"]["memory_mib"]) * MIB),
            "disk": metric(10**15, 0),
        }
        for node in snapshot["nodes"]
    }


def guests(snapshot, places):
    def metric(total, used):
        return {"total": total, "used": used, **IDLE}

    return {
        vm["id"]: {
            "name": vm["id"], "id": 100 + index, "type": "vm", "node_current": places[vm["id"]],
            "node_target": places[vm["id"]], "processed": False, "ignore": False, "pressure_hot": False, "tags": [],
            "pools": [], "ha_rules": [], "affinity_groups": [], "anti_affinity_groups": [], "node_relationships": [],
            "node_relationships_strict": True,
            "cpu": metric(vm["vcpus"], vm["demand"]["cpu_millicores"] / 1_000),
            "memory": metric(vm["demand"]["memory_mib"] * MIB, vm["demand"]["memory_mib"] * MIB),
            "disk": metric(0, 0),
        }
        for index, vm in enumerate(snapshot["vms"])
    }


def groups(snapshot):
    """Each guest alone in a group of its own, as ProxLB has it where no affinity is stated."""
    return {
        f"affinity_{index:06d}": {
            "guests": [vm["id"]],
            "cpu": {"total": vm["vcpus"], "used": vm["demand"]["cpu_millicores"] / 1_000},
            "memory": {"total": vm["demand"]["memory_mib"] * MIB, "used": vm["demand"]["memory_mib"] * MIB},
            "disk": {"total": 0, "used": 0},
        }
        for index, vm in enumerate(snapshot["vms"])
    }


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(json.dumps(repair(json.load(file), int(sys.argv[2]))))
