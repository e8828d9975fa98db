"""Draws who held which node when: a lane for each node, a colour for each ISP."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from .grants import Grant

LANE = 13
LEFT = 60
TOP = 70
PLOT = 1100
LEGEND = 430
# Told apart by most eyes (Okabe and Ito, then lighter and darker ones).
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6d1f", "#6a51a3",
           "#b8a100", "#7f7f7f", "#1b5e20", "#ad1457"]


@dataclass(frozen=True)
class Move:
    """One migration, in nanoseconds of the grants' clock."""

    source: str
    destination: str
    began_ns: int
    ended_ns: int


def svg(title: str, nodes: list[str], grants: list[Grant], moves: list[Move], legend: dict[str, str]) -> str:
    """The picture. `legend` has every ISP in its order, with a few words about it."""
    begin = min(grant.granted_ns for grant in grants)
    finish = max([grant.released_ns or 0 for grant in grants] + [grant.granted_ns for grant in grants])
    scale = PLOT / max(finish - begin, 1)
    lanes = {node: TOP + index * LANE for index, node in enumerate(nodes)}
    colours = {isp: COLOURS[index % len(COLOURS)] for index, isp in enumerate(legend)}
    bottom = TOP + len(nodes) * LANE

    def at(nanoseconds: int) -> float:
        return LEFT + (nanoseconds - begin) * scale

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + PLOT + LEGEND}" height="{bottom + 40}" '
        'font-family="sans-serif" font-size="10">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>',
        f'<text x="{LEFT}" y="42" fill="#555">A bar: the node is held by the ISP of that colour; framed: its initiator. '
        'A thin line: a guest migrates.</text>',
        *_axis((finish - begin) / 1e9, bottom),
    ]
    for node, y in lanes.items():
        parts.append(f'<text x="{LEFT - 8}" y="{y + LANE - 3}" text-anchor="end">{escape(node)}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y + 1}" width="{PLOT}" height="{LANE - 2}" fill="#f2f2f2"/>')
    for grant in grants:
        released = finish if grant.released_ns is None else grant.released_ns
        frame = ' stroke="black" stroke-width="1.2"' if grant.node == grant.initiator else ""
        parts.append(
            f'<rect x="{at(grant.granted_ns):.2f}" y="{lanes[grant.node] + 1}" '
            f'width="{max((released - grant.granted_ns) * scale, 0.8):.2f}" height="{LANE - 2}" '
            f'fill="{colours[grant.isp]}"{frame}><title>{escape(grant.line())}</title></rect>')
    for move in moves:
        parts.append(
            f'<line x1="{at(move.began_ns):.2f}" y1="{lanes[move.source] + LANE / 2}" '
            f'x2="{at(move.ended_ns):.2f}" y2="{lanes[move.destination] + LANE / 2}" stroke="#222" '
            'stroke-width="0.7" opacity="0.7"/>')
    for index, (isp, words) in enumerate(legend.items()):
        y = TOP + index * 18
        parts.append(f'<rect x="{LEFT + PLOT + 20}" y="{y}" width="12" height="12" fill="{colours[isp]}"/>')
        parts.append(f'<text x="{LEFT + PLOT + 38}" y="{y + 10}">{escape(f"{isp}  {words}")}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axis(seconds: float, bottom: int) -> list[str]:
    step = next((step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if seconds / step <= 14), 100)
    parts = []
    for mark in range(int(seconds / step) + 1):
        x = LEFT + mark * step / seconds * PLOT if seconds else LEFT
        parts.append(f'<line x1="{x:.2f}" y1="{TOP - 4}" x2="{x:.2f}" y2="{bottom}" stroke="#ccc"/>')
        parts.append(f'<text x="{x:.2f}" y="{TOP - 8}" text-anchor="middle">{mark * step:g} s</text>')
    return parts
