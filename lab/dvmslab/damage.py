"""Flips one bit in a running guest's known region, so that a checker can prove that it would see a damaged guest."""

from __future__ import annotations

from pathlib import Path

from .host import Host
from .machine import processes
from .settings import LabError

PAGE_BYTES = 4096
WORD_BYTES = 8
WORD_MASK = 2**64 - 1
# The agent multiplies by this odd number; its inverse takes a word of the region back to (index xor seed).
INVERSE = pow(0x9E3779B97F4A7C15, -1, 2**64)
# A word that is neither the page's counter nor at its edges.
VICTIM = 100
# Guest memory is one mapping; smaller ones are QEMU's own.
MAPPING_BYTES_MIN = 64 << 20


def _is_of_region(page: bytes) -> bool:
    """Whether consecutive words come from consecutive indices, as only the agent's pattern has it."""
    mixed = [int.from_bytes(page[index * WORD_BYTES:(index + 1) * WORD_BYTES], "little") * INVERSE & WORD_MASK
             for index in (2, 3, 510, 511)]
    return mixed[0] ^ mixed[1] == 1 and mixed[2] ^ mixed[3] == 1 and mixed[0] ^ mixed[2] == 2 ^ 510


def _mappings(pid: int) -> list[tuple[int, int]]:
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        begin, end = (int(number, 16) for number in line.split()[0].split("-"))
        if end - begin >= MAPPING_BYTES_MIN and line.split()[1].startswith("rw"):
            found.append((begin, end))
    return found


def flip_bit(host: Host, name: str) -> None:
    group = processes().get(host.namespace, [])
    pid = next((process.pid for process in group if process.is_guest() and process.guest_name() == name), None)
    if pid is None:
        raise LabError(f"{name} has no QEMU process on {host.name} any more")
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        for begin, end in _mappings(pid):
            for address in range(begin, end, PAGE_BYTES):
                memory.seek(address)
                page = memory.read(PAGE_BYTES)
                if len(page) == PAGE_BYTES and page[16:24] != bytes(8) and _is_of_region(page):
                    memory.seek(address + VICTIM * WORD_BYTES)
                    memory.write(bytes([page[VICTIM * WORD_BYTES] ^ 1]))
                    return
    raise LabError(f"{name}: its region was not found in the memory of process {pid}; does its agent run?")
