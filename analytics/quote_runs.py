"""All strategies of one market that decide on quotes: quotes in, changes of what they say out."""

from collections.abc import Sequence

from analytics.signal_runs import Failed
from analytics.signals import Run
from analytics.strategies import Moment
from analytics.strategies.choice import Choice
from market import Instrument, Quote, Signal


class QuoteRuns:
    """A quote that is not later than the last one, in time or number, is told to nobody."""

    def __init__(
        self, choices: Sequence[Choice], venue: str, instrument: Instrument, failed: Failed
    ) -> None:
        self._runs = [Run(choice, venue, instrument) for choice in choices]
        self._failed = failed
        self._last = (-1, -1)

    def take(self, quote: Quote, premium_bps: float) -> list[Signal]:
        """Tell of the next quote and the premium known at its time; return purchases and sales."""
        place = quote.event_ns, quote.sequence
        if place <= self._last:
            return []
        self._last = place
        moment = Moment(
            quote.event_ns, quote.bid, quote.bid_size, quote.ask, quote.ask_size, premium_bps
        )
        said = (self._told(run, moment) for run in tuple(self._runs))
        return [signal for signal in said if signal is not None and signal.side != "hold"]

    def _told(self, run: Run, moment: Moment) -> Signal | None:
        try:
            return run.on_quote(moment)
        except Exception as error:  # noqa: BLE001  # whatever a user's own strategy raises
            self._runs.remove(run)
            self._failed(run.choice, error)
            return None
