"""Migrations of real guests between two hosts of a lab, beside what the model says of them."""

import os
import re
import statistics
import subprocess

GUEST = "probe"
MEMORY_MIB = 512
REGION_MIB = 128
"""What a busy guest writes to, over and over."""
LINK_MBPS = 400
DOWNTIME_MAX_MS = 300
"""QEMU's own."""
DIRTY_MIB_S = (0, 8, 16, 24)
OFF_PERCENT_MAX = 25


def beside_qemu(root, modelled, rounds):
    """Prints a table; what is further off than promised, in words."""
    environment = os.environ | {"LAB_NAME": "dvmsmodel", "LAB_NET": "10.81"}

    def lab(*words):
        run = subprocess.run(
            [root / "lab" / "lab", *map(str, words)], env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return run.stdout

    lab("setup")
    lab("up", 2)
    try:
        lab("guest", "add", GUEST, "--host", "h1", "--memory", MEMORY_MIB)
        lab("wait-ready", GUEST)
        return compare(lab, modelled, rounds)
    finally:
        lab("down")


def compare(lab, modelled, rounds):
    for host in ("h1", "h2"):
        lab("rate", host, f"{LINK_MBPS}mbit")
    measured = [measure(lab, dirty, rounds) for dirty in DIRTY_MIB_S]
    # Pages that a guest never used are not sent, so the model is told how much an idle guest sends. That, and what an
    # idle migration takes beyond the time on the link, is all that it is calibrated by.
    idle_seconds, idle_mib = measured[0]
    predicted = [seconds[0] for seconds in modelled([
        {
            "guests": 1, "memory_mib": round(idle_mib), "dirty_mib_s": dirty,
            "working_set_percent": min(100, round(100 * REGION_MIB / idle_mib)), "link_mbps": LINK_MBPS,
            "bandwidth_mib_s": 0, "downtime_max_ms": DOWNTIME_MAX_MS,
        }
        for dirty in DIRTY_MIB_S])]
    overhead = idle_seconds - predicted[0]
    print(f"\nA guest of {MEMORY_MIB} MiB that writes to {REGION_MIB} MiB, over {LINK_MBPS} Mbit/s; medians of {rounds + rounds % 2}")
    print(f"calibrated on the idle guest: {idle_mib:.0f} MiB sent, {overhead:.2f} s besides the link")
    print(f"{'DIRTY MiB/s':>14} {'QEMU s':>10} {'QEMU MiB':>10} {'DVMS s':>10} {'OFF BY':>8}")
    fell_short = []
    for dirty, (seconds, mib), model in zip(DIRTY_MIB_S, measured, predicted):
        our = model + overhead
        off = abs(our / seconds - 1) * 100
        print(f"{dirty:>14} {seconds:>10.2f} {mib:>10.0f} {our:>10.2f} {off:>7.1f}%")
        if off > OFF_PERCENT_MAX:
            fell_short.append(f"{dirty} MiB/s written: {off:.0f} % from QEMU, promised {OFF_PERCENT_MAX} %")
    return fell_short


def measure(lab, dirty_mib_s, rounds):
    """Medians of seconds and of MiB sent."""
    # The region is there, and in use, for the idle guest as well.
    lab("dirty", GUEST, dirty_mib_s * 1_024, REGION_MIB)
    figures = []
    for _ in range((rounds + 1) // 2):
        # There and back, so that it is where it was.
        figures += [migrate(lab, "h1", "h2"), migrate(lab, "h2", "h1")]
    return tuple(statistics.median(column) for column in zip(*figures))


def migrate(lab, source, destination):
    lab("virsh", source, "migrate", GUEST, f"qemu+tcp://{destination}/system", "--p2p", "--live", "--persistent",
        "--undefinesource")
    told = lab("virsh", destination, "domjobinfo", GUEST, "--completed")
    return figure(told, "Time elapsed") / 1_000, figure(told, "Memory processed")


def figure(told, name):
    """A figure of libvirt's statistics, in milliseconds or in MiB."""
    found = re.search(rf"^{name}:\s+([\d.]+) +(ms|s|B|KiB|MiB|GiB)\s*$", told, re.MULTILINE)
    if found is None:
        raise ValueError(f"libvirt does not tell {name}:\n{told}")
    unit = {"ms": 1, "s": 1_000, "B": 2**-20, "KiB": 2**-10, "MiB": 1, "GiB": 2**10}[found[2]]
    return float(found[1]) * unit
