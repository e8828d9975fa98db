"""Tables for people."""

from __future__ import annotations


def table(head: list[str], rows: list[list[object]]) -> str:
    texts = [head, *([("-" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in texts)


def rate(bits_per_second: int | None) -> str | None:
    if bits_per_second is None:
        return None
    for unit, size in (("gbit", 10**9), ("mbit", 10**6), ("kbit", 10**3)):
        if bits_per_second >= size:
            return f"{bits_per_second / size:g}{unit}"
    return f"{bits_per_second}bit"


def place(entry: dict) -> str:
    """One host's word on a guest, as host:state (reason), with the number of QEMU processes when it is not one."""
    text = f"{entry['host']}:{entry['libvirt']}" + (f" ({entry['reason']})" if entry["reason"] else "")
    live = entry["libvirt"] in ("running", "paused", "shutting down", "blocked")
    return text if entry["qemu"] == (1 if live else 0) else f"{text} [{entry['qemu']} qemu]"


def status(report: dict) -> str:
    cap = {None: None}
    hosts = [[host["name"], host["address"], host["power"], host["libvirtd"], host["link"],
              rate(host["rate_bits_per_second"]),
              cap.get(host["cap_percent"], f"{host['cap_percent']} %"), host["guests"]] for host in report["hosts"]]
    text = table(["HOST", "ADDRESS", "POWER", "LIBVIRTD", "LINK", "RATE", "CAP", "GUESTS"], hosts)
    if report["guests"]:
        text += "\n\n" + guests(report)
    return f"{report['lab']}: {report['accelerator']}, TLS {'on' if report['tls'] else 'off'}\n{text}"


def guests(report: dict) -> str:
    return table(["GUEST", "WHERE"], [[guest["name"], ", ".join(map(place, guest["places"])) or "nowhere"]
                                      for guest in report["guests"]])


def truth(report: dict) -> str:
    rows: list[list[object]] = []
    for guest in report["guests"]:
        copies = [copy for copy in guest["hosts"] if copy["qemu"] or copy["libvirt"] not in ("absent", "off")]
        for copy in copies or [None]:
            rows.append([guest["name"], guest["verdict"], *_truth_cells(copy)])
    return table(["GUEST", "VERDICT", "WHERE", "LOAD", "TICKS", "LONGEST GAP", "STOPPED", "MEMORY"], rows)


def _truth_cells(copy: dict | None) -> list[object]:
    if copy is None:
        return ["nowhere", None, None, None, None, None]
    counters = copy["guest"]
    if counters is None:
        return [place(copy), None, None, None, None, None]
    return [place(copy), f"{counters['load_percent']} %", counters["ticks"], f"{counters['longest_gap_ms']} ms",
            f"{counters['stopped_ms']} ms", memory(counters.get("memory"))]


def memory(result: dict | None) -> str | None:
    if result is None:
        return None
    if result["intact"]:
        return f"intact ({result['pages']} pages)"
    return f"DAMAGED ({result['stale_pages']} stale pages, {result['bad_words']} bad words of {result['pages']} pages)"
