"""The texts of a figure."""

from __future__ import annotations

from matplotlib.figure import Figure

from revenue_model.evaluation.figures.style import MUTED


def label_of(text: str) -> str:
    """A text of the data as a label: two `$` would begin and end matplotlib's mathematics."""
    return text.replace("$", r"\$")


def headline(figure: Figure, title: str, reading: str) -> None:
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.01, 0.985 - 0.27 / figure.get_figheight(), reading, color=MUTED, va="top")
