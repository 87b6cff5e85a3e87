"""Figures in, as people read them, out."""

import re
from datetime import UTC, datetime

from market.intervals import SECOND_NS

SHARES = frozenset(
    {
        "total_return",
        "cagr",
        "hold_return",
        "volatility",
        "max_drawdown",
        "exposure",
        "win_rate",
        "best_trade",
        "worst_trade",
        "average_trade",
    }
)
"""Figures that are told in percent."""

_UNITS_S = (("d", 86_400), ("h", 3_600), ("min", 60))


def worded(name: str, value: object) -> str:
    """Return a figure as it is written; a share in percent, seconds as days or hours."""
    match value:
        case float() if name in SHARES:
            is_signed = name.endswith(("return", "trade", "cagr"))
            return f"{value:+,.2%}" if is_signed else f"{value:,.2%}"
        case float() if name.endswith("_s"):
            return lasting(value)
        case float():
            return f"{value:,.2f}" if abs(value) < 1e12 else f"{value:.3e}"  # noqa: PLR2004  # too long a word
        case int():
            return f"{value:,}"
        case _:
            return "-" if value is None else str(value)


def lasting(seconds: float) -> str:
    """Return a time in the largest unit that it fills."""
    for unit, length in _UNITS_S:
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.0f} s"


def moment(at_ns: int) -> str:
    """Return a time to the minute; UTC."""
    return f"{datetime.fromtimestamp(at_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M}"


def label(name: str) -> str:
    """Return the name of a figure in words."""
    if name == "cagr":
        return "CAGR"
    return re.sub("_s$", "_length", name).replace("_", " ").capitalize()
