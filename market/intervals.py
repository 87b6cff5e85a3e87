"""Candle intervals and their boundaries, in nanoseconds since the epoch (UTC)."""

SECOND_NS = 1_000_000_000

INTERVALS: dict[str, int] = {
    "1s": SECOND_NS,
    "1m": 60 * SECOND_NS,
    "5m": 300 * SECOND_NS,
    "15m": 900 * SECOND_NS,
    "1h": 3_600 * SECOND_NS,
    "4h": 14_400 * SECOND_NS,
    "1d": 86_400 * SECOND_NS,
}
"""Length of each interval by name."""


def start_of(event_ns: int, interval: str) -> int:
    """Return the start of the interval that ``event_ns`` lies in."""
    return event_ns - event_ns % INTERVALS[interval]
