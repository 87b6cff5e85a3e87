"""What happens later in, in order of time out: orders that arrive, transfers, rebalancings."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Protocol

NEVER_NS = 1 << 62


class Errand(Protocol):
    """What is to be done at some moment."""

    def carry_out(self, now_ns: int, /) -> None:
        """Do it: its moment has come."""

    def give_up(self, now_ns: int, /) -> None:
        """Leave it: the tape ends before, so nobody knows what it would have met."""


class Agenda:
    """Of what is due at one moment, what was put down first comes first."""

    def __init__(self) -> None:
        self._errands: list[tuple[int, int, Errand]] = []
        self._numbers = count()

    @property
    def due_ns(self) -> int:
        """When the next errand is due."""
        return self._errands[0][0] if self._errands else NEVER_NS

    def add(self, due_ns: int, errand: Errand) -> None:
        """Put an errand down."""
        heappush(self._errands, (due_ns, next(self._numbers), errand))

    def carry_out_next(self) -> None:
        """Carry the next errand out, as at the moment when it is due."""
        due_ns, _, errand = heappop(self._errands)
        errand.carry_out(due_ns)

    def end(self, now_ns: int) -> None:
        """Give up all that is left."""
        while self._errands:
            heappop(self._errands)[2].give_up(now_ns)
