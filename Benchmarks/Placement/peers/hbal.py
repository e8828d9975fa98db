"""Ganeti's hbal (Debian: ganeti-htools): whole-cluster balance by its own score. Nodes, CPU and memory; no constraint."""

import re
import shutil

from processes import measured

GROUP = "11111111-1111-1111-1111-111111111111"
DISK_MIB = 4_000_000
MOVE = re.compile(r"^\s+\d+\. (\S+)\s+\S+\s+=> (\S+)", re.MULTILINE)


def is_here():
    return shutil.which("hbal") is not None


def balance(snapshot, folder):
    """Moves (VM to node), the score before and after, and what the run cost."""
    run = measured(command(snapshot, {}, folder))
    scores = re.search(r"^Cluster score improved from (\S+) to (\S+)", run.output, re.MULTILINE)
    before = initial(run.output)
    return dict(MOVE.findall(run.output)), before, float(scores[2]) if scores else before, run


def score(snapshot, moves, folder):
    """What hbal itself says of the mapping after these moves."""
    return initial(measured(command(snapshot, moves, folder) + ["-l", "0"]).output)


def initial(output):
    return float(re.search(r"^Initial score: (\S+)", output, re.MULTILINE)[1])


def command(snapshot, moves, folder):
    data, utilisation = folder / "hbal.data", folder / "hbal.util"
    data.write_text(text(snapshot, moves))
    utilisation.write_text(utilisations(snapshot, moves))
    return ["hbal", "-t", data, "-U", utilisation]


def text(snapshot, moves):
    """The snapshot as `hbal -t` reads it: groups, nodes, instances, tags and policies, an empty line between them."""
    used = {node["id"]: 0 for node in snapshot["nodes"]}
    for vm in snapshot["vms"]:
        used[moves.get(vm["id"], vm["node"])] += vm["demand"]["memory_mib"]
    nodes = []
    for index, node in enumerate(snapshot["nodes"]):
        memory, reserved = node["capacity"]["memory_mib"], node["reserved"]["memory_mib"]
        cores = node["capacity"]["cpu_millicores"] // 1_000
        nodes.append(
            f"{node['id']}|{memory}|{reserved}|{memory - reserved - used[node['id']]}|{DISK_MIB}|{DISK_MIB}|{cores}"
            f"|{'N' if index else 'M'}|{GROUP}|1||N|0|1|1.0")
    instances = [
        f"{vm['id']}|{vm['demand']['memory_mib']}|10240|{vm['vcpus']}|running|Y|{moves.get(vm['id'], vm['node'])}"
        "||rbd||1|-|N"
        for vm in snapshot["vms"]
    ]
    limits = "4096,2,10240,1,1,1|1,1,1,1,0,1;1048576,256,4000000,16,8,64|rbd,plain,drbd,ext|64.0|1024.0"
    return "\n".join(
        [f"default|{GROUP}|preferred||", "", *nodes, "", *instances, "", "", f"|{limits}", f"default|{limits}", ""])


def utilisations(snapshot, moves):
    """CPU and memory of each instance as a share of its node, and the same little of disk and network for all."""
    nodes = {node["id"]: node["capacity"] for node in snapshot["nodes"]}
    lines = []
    for vm in snapshot["vms"]:
        node, demand = nodes[moves.get(vm["id"], vm["node"])], vm["demand"]
        lines.append(
            f"{vm['id']} {demand['cpu_millicores'] / node['cpu_millicores']:.5f}"
            f" {demand['memory_mib'] / node['memory_mib']:.5f} 0.001 0.001\n")
    return "".join(lines)
