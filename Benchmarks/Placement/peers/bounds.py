"""What any repair of a snapshot moves at least."""

import math

import numpy


def knapsack_mib(snapshot):
    """The least memory whose VMs, leaving each overloaded node, bring its CPU under its limit; summed over the nodes.

    Exact for each node, by dynamic programming over memory, and blind to where the VMs could go.
    """
    usable = {
        node["id"]: node["capacity"]["cpu_millicores"] - node.get("reserved", {}).get("cpu_millicores", 0)
        for node in snapshot["nodes"]
    }
    residents = {node: [] for node in usable}
    for vm in snapshot["vms"]:
        residents[vm["node"]].append(vm["demand"])
    return sum(least_mib(demands, sum(d["cpu_millicores"] for d in demands) - usable[node])
               for node, demands in residents.items())


def least_mib(demands, excess):
    if excess <= 0:
        return 0
    unit = math.gcd(*(demand["memory_mib"] for demand in demands))
    # The most CPU that is freed by so many units of memory.
    freed = numpy.zeros(sum(demand["memory_mib"] for demand in demands) // unit + 1, dtype=numpy.int64)
    for demand in demands:
        units = demand["memory_mib"] // unit
        freed[units:] = numpy.maximum(freed[units:], freed[:len(freed) - units] + demand["cpu_millicores"])
    return int(numpy.argmax(freed >= excess)) * unit
