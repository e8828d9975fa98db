"""A naive balancer: from each overloaded node what wants most CPU for its memory, to the least loaded node.

As a program: greedy.py SNAPSHOT prints what came of it.
"""

import json
import sys
import time


def solve(snapshot):
    """MiB moved, moves, overloaded nodes left, and seconds. Knows CPU and memory, no constraint."""
    began = time.process_time()
    nodes = {node["id"]: index for index, node in enumerate(snapshot["nodes"])}
    usable = [usable_of(node) for node in snapshot["nodes"]]
    cpu, memory, residents = [0] * len(nodes), [0] * len(nodes), [[] for _ in nodes]
    for vm in snapshot["vms"]:
        node = nodes[vm["node"]]
        cpu[node] += vm["demand"]["cpu_millicores"]
        memory[node] += vm["demand"]["memory_mib"]
        residents[node].append(vm["demand"])
    moves = moved = 0
    for node in sorted((node for node in range(len(nodes)) if cpu[node] > usable[node][0]), key=lambda node: -cpu[node]):
        for demand in sorted(residents[node], key=lambda demand: -demand["cpu_millicores"] / demand["memory_mib"]):
            if cpu[node] <= usable[node][0]:
                break
            to = min(range(len(nodes)), key=lambda other: cpu[other] / usable[other][0])
            if (cpu[to] + demand["cpu_millicores"] <= usable[to][0] * 9 // 10
                    and memory[to] + demand["memory_mib"] <= usable[to][1]):
                for end, sign in ((node, -1), (to, 1)):
                    cpu[end] += sign * demand["cpu_millicores"]
                    memory[end] += sign * demand["memory_mib"]
                moves += 1
                moved += demand["memory_mib"]
    left = sum(cpu[node] > usable[node][0] for node in range(len(nodes)))
    return {"memory_mib": moved, "migrations": moves, "overloaded": left, "solve_s": time.process_time() - began}


def usable_of(node):
    reserved = node.get("reserved", {})
    return [node["capacity"][key] - reserved.get(key, 0) for key in ("cpu_millicores", "memory_mib")]


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(json.dumps(solve(json.load(file))))
