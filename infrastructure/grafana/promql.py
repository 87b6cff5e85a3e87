"""Phrases of PromQL that several panels use."""

RATE = "[$__rate_interval]"
"""As long as rates need it: four times the pause between two scrapes, or the panel's step."""


def per_second(counter: str, by: str) -> str:
    """Return how fast a counter rises, added up ``by`` labels."""
    return f"sum by ({by}) (rate({counter}{RATE}))"


def quantile(share: float, histogram: str, by: str = "") -> str:
    """Return the value that a share of those noted lie below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{RATE})))"


def mean(histogram: str, by: str) -> str:
    """Return the mean of the values that were noted."""
    total, count = (per_second(f"{histogram}_{of}", by) for of in ("sum", "count"))
    return f"{total} / {count}"


def rise(counter: str, by: str) -> str:
    """Return by how much a counter rose in each step, added up ``by`` labels."""
    return f"sum by ({by}) (increase({counter}{RATE}))"
