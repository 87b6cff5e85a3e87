"""What is asked for again and again over REST: things in, those that are due out.

Each is due once a period, the many of them evenly spread over it, and never while its last answer
is still awaited, so that a slow venue is not buried under questions.
"""

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

Thing = TypeVar("Thing", bound=Hashable)

SECOND_NS = 1_000_000_000
PATIENCE = 5
"""Periods after which an answer that did not come is asked for again."""


class Rounds(Generic[Thing]):
    """Rounds of one kind of question.

    Args:
        period_s: Time of one round; rounds start with the whole minutes, hours of the clock.
        delay_s: The first question of a round comes so long after its start.
        spread_s: And the last so long after the first.

    """

    def __init__(self, *, period_s: float, delay_s: float, spread_s: float) -> None:
        self._period_ns = int(period_s * SECOND_NS)
        self._delay_ns = int(delay_s * SECOND_NS)
        self._spread_ns = int(spread_s * SECOND_NS)
        self._asked: dict[Thing, int] = {}
        self._awaited: set[Thing] = set()

    def due(self, things: Collection[Thing], now_ns: int) -> list[Thing]:
        """Return what is to be asked for now; it counts as asked.

        The first round of a thing is the one after the round in which it is met.
        """
        step_ns = self._spread_ns // max(1, len(things))
        due = []
        for place, thing in enumerate(things):
            number = (now_ns - self._delay_ns - place * step_ns) // self._period_ns
            last = self._asked.setdefault(thing, number)
            if number - last >= (PATIENCE if thing in self._awaited else 1):
                self._asked[thing] = number
                self._awaited.add(thing)
                due.append(thing)
        return due

    def answered(self, thing: Thing) -> None:
        """Note that the answer came, whatever it was."""
        self._awaited.discard(thing)
