"""How long an order is on its way: always the same, or drawn evenly between two, by a seed."""

from __future__ import annotations

import numpy as np

MILLISECOND_NS = 1_000_000


class Latency:
    """From the moment that a route is decided on until an order meets the book.

    Args:
        least_ms: The shortest way.
        most_ms: The longest; None: it is always the shortest.
        seed: Fixes what is drawn; each order draws for itself.

    """

    def __init__(self, least_ms: float, most_ms: float | None = None, *, seed: int = 1) -> None:
        most_ms = least_ms if most_ms is None else most_ms
        if not 0.0 <= least_ms <= most_ms <= 86_400_000.0:  # noqa: PLR2004  # a day
            raise ValueError(
                f"a latency of {least_ms:g} to {most_ms:g} ms is none: write milliseconds, such "
                "as 50, or the least and the most, such as 20-80"
            )
        self._least_ns = round(least_ms * MILLISECOND_NS)
        self._most_ns = round(most_ms * MILLISECOND_NS)
        self._random = np.random.default_rng(seed)
        self.name = f"{least_ms:g}" if least_ms == most_ms else f"{least_ms:g}-{most_ms:g}"

    @property
    def mean_ms(self) -> float:
        """Return the middle of what is drawn."""
        return (self._least_ns + self._most_ns) / 2 / MILLISECOND_NS

    def draw(self) -> int:
        """Return the next one, in nanoseconds."""
        if self._least_ns == self._most_ns:
            return self._least_ns
        return int(self._random.integers(self._least_ns, self._most_ns, endpoint=True))

    @classmethod
    def parse(cls, text: str, *, seed: int = 1) -> Latency:
        """Read ``50`` or ``20-80``, milliseconds.

        Raises:
            ValueError: it is neither.

        """
        least, dash, most = text.strip().partition("-")
        try:
            return cls(float(least), float(most) if dash else None, seed=seed)
        except ValueError as error:
            if str(error).startswith("a latency"):
                raise
            raise ValueError(
                f"{text!r} is no latency: write milliseconds, such as 50, or 20-80"
            ) from error
