"""A venue's candles of the past: what to ask for, page by page, the newest first."""

from collections.abc import Iterator, Mapping, Sequence

from market import Event, Instrument, VenueCandle
from market.intervals import INTERVALS
from stream_service.venue import HttpRequest, Session, Venue

DAY_NS = INTERVALS["1d"]
DAYS = {"1m": 1, "5m": 3, "15m": 7, "1h": 30, "4h": 120, "1d": 730}
"""How many days of each interval go with one of minutes: about as many candles of each."""


def history_of(days: float) -> dict[str, int]:
    """Return how far back to go for each interval, in nanoseconds; nothing for no days."""
    return {interval: round(days * times * DAY_NS) for interval, times in DAYS.items() if days > 0}


class PastCandles:
    """Asks for one stretch of time after the other, none larger than a page.

    It ends at the start of the history, or where the venue tells nothing older. A stretch without
    candles is none without trades only: so the next older one is asked for all the same.

    Args:
        venue: Says how much a page holds.
        session: Knows how to ask.
        instrument: Whose candles.
        history: How far back to go by interval, in nanoseconds.
        now_ns: The end of all.
        known_ns: What is there already: until when, by interval.

    """

    def __init__(
        self,
        venue: Venue,
        session: Session,
        instrument: Instrument,
        history: Mapping[str, int],
        *,
        now_ns: int,
        known_ns: Mapping[str, int],
    ) -> None:
        self._session = session
        self._instrument = instrument
        self._a_page = max(venue.candles_a_page - 1, 1)  # the last moment may count as well
        self._stretches = {
            interval: list(
                self._parts(interval, max(now_ns - back_ns, known_ns.get(interval, 0)), now_ns)
            )
            for interval, back_ns in history.items()
        }

    @property
    def left(self) -> int:
        """How many stretches are to be asked for at most."""
        return sum(map(len, self._stretches.values()))

    def following(self) -> HttpRequest | None:
        """Return the next request; None: that was all."""
        for interval, stretches in self._stretches.items():
            if not stretches:
                continue
            start_ns, end_ns = stretches[0]
            request = self._session.recall_candles(
                self._instrument, start_ns=start_ns, end_ns=end_ns, interval=interval
            )
            if request is not None:
                return request
            stretches.clear()
        return None

    def came(self, events: Sequence[Event]) -> None:
        """Take the answer to the last request; one that is all newer says that there is no more."""
        stretches = next(rest for rest in self._stretches.values() if rest)
        start_ns, end_ns = stretches.pop(0)
        starts = [event.start_ns for event in events if isinstance(event, VenueCandle)]
        if starts and not any(start_ns <= start < end_ns for start in starts):
            stretches.clear()

    def give_up(self) -> None:
        """Ask no more for candles of the interval that was asked for last."""
        next(rest for rest in self._stretches.values() if rest).clear()

    def _parts(self, interval: str, first_ns: int, end_ns: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches, newest first; those of less than a whole candle are left out."""
        length_ns = INTERVALS[interval]
        first_ns += -first_ns % length_ns
        end_ns -= end_ns % length_ns
        while first_ns < end_ns:
            start_ns = max(first_ns, end_ns - self._a_page * length_ns)
            yield start_ns, end_ns
            end_ns = start_ns
