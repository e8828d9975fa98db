"""Guests and their demands, drawn from a seed: the same seed gives the same ring and the same trace."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .programs import RingError
from .shape import Guest, Node, node_names

NODE_CPU = 8_000  # millicores
NODE_MEMORY_MIN = 32_768  # MiB
# A node is overloaded above this share of its CPU, in percent: the default of the config file.
THRESHOLD = 80
# What guests want of their node before anything happens, in percent of its CPU.
LOAD_PERCENT = (57, 63)
GUEST_MEMORY = (512, 1_024)  # MiB
GUEST_MEMORY_STEP = 64
GUEST_DIRTY = (10, 60)  # MiB per second
# A guest that wants more of a node than its neighbours have left could go nowhere.
GUESTS_A_NODE_MIN = 6
GUESTS_A_NODE_MAX = 64
# Of the guests of a node, one in so many wants more when its demand jumps.
HOT_ONE_IN = 3


@dataclass(frozen=True)
class Jump:
    """From one moment on some guests of a node want more, and the node is overloaded."""

    node: str
    demands: dict[str, int]  # millicores by guest
    percent: int  # what the guests of the node want then, of its CPU


def draw_nodes(count: int, guests: int, link_mbps: int, dice: random.Random,
               memory: tuple[int, int] = GUEST_MEMORY) -> tuple[Node, ...]:
    """Nodes with their guests: alike in number, unlike in demand."""
    if not GUESTS_A_NODE_MIN * count <= guests <= GUESTS_A_NODE_MAX * count:
        raise RingError(f"{guests} guests on {count} nodes: give {GUESTS_A_NODE_MIN} to {GUESTS_A_NODE_MAX} a node")
    digits = len(str(guests))
    names = [f"vm{number:0{digits}}" for number in range(1, guests + 1)]
    dice.shuffle(names)
    return tuple(_draw_node(node, sorted(names[index::count]), link_mbps, memory, dice)
                 for index, node in enumerate(node_names(count)))


def _draw_node(name: str, guests: list[str], link_mbps: int, memory: tuple[int, int], dice: random.Random) -> Node:
    weights = [dice.uniform(0.75, 1.25) for _ in guests]
    load = NODE_CPU * dice.uniform(*LOAD_PERCENT) / 100
    return Node(
        name, NODE_CPU, max(NODE_MEMORY_MIN, 2 * len(guests) * memory[1]), link_mbps,
        tuple(Guest(guest, int(load * weight / sum(weights)), dice.randrange(*memory, GUEST_MEMORY_STEP),
                    dice.randint(*GUEST_DIRTY)) for guest, weight in zip(guests, weights)))


def jump(node: Node, excess_percent: int, dice: random.Random) -> Jump:
    """Some guests of the node want more, so that its load is this much of its CPU above the threshold."""
    hot = dice.sample(node.guests, max(1, len(node.guests) // HOT_ONE_IN))
    percent = THRESHOLD + excess_percent
    more = (percent * node.cpu // 100 - node.load) // len(hot)
    return Jump(node.name, {guest.name: guest.cpu + more for guest in hot}, percent)
