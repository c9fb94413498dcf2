"""The look that the figures share.

Figures are made without pyplot: no window, no global state, nothing to close.
"""

from __future__ import annotations

import matplotlib

INK, MUTED, GRID = "#22303c", "#7b8794", "#e4e7eb"
MODEL, TRUTH, ALARM = "#1f6feb", "#d9822b", "#c62f2f"

style = matplotlib.rc_context(
    {
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "font.size": 9.5,
        "text.color": INK,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "grid.color": GRID,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }
)
