"""Pictures of the figures."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


def partitions(rows, path):
    """For each family, how long the solver and CP-SAT take: the share of instances solved within a time."""
    names = list(dict.fromkeys(row["family"] for row in rows))
    figure, axes = pyplot.subplots(1, len(names), figsize=(3.2 * len(names), 3.6), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names):
        own = [row for row in rows if row["family"] == name]
        for key, label, colour in (("ms", "dvms", "tab:green"), ("cp_sat_ms", "OR-Tools CP-SAT", "tab:gray")):
            times = sorted(row[key] for row in own)
            shares = [100 * (index + 1) / len(times) for index in range(len(times))]
            axis.step(times, shares, where="post", label=label, color=colour)
        axis.set_xscale("log")
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("milliseconds on one core")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("% of instances solved within")
    axes[0][0].legend(fontsize=8, loc="lower right")
    figure.suptitle("Repair of partitions to proven optimality", fontsize=11)
    save(figure, path)


def balance(rows, path):
    """hbal's score that each reaches, by seed."""
    figure, axis = pyplot.subplots(figsize=(6, 3.6))
    places = range(len(rows))
    for offset, score, moves, label, colour in (
            (-0.2, "score", "moves", "dvms", "tab:green"), (0.2, "hbal_score", "hbal_moves", "hbal", "tab:gray")):
        bars = axis.bar([place + offset for place in places], [row[score] for row in rows], 0.4, label=label, color=colour)
        axis.bar_label(bars, [f"{row[moves]} moves" for row in rows], fontsize=7)
    axis.set_xticks(list(places), [f"seed {row['seed']}" for row in rows])
    axis.set_ylabel("hbal's score, lower is better")
    axis.set_title("Balance of 20 nodes with 200 VMs, by hbal's own score", fontsize=11)
    axis.legend(fontsize=8)
    save(figure, path)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
