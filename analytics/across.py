"""Candles across venues: closed and open minutes of every market in, those of a base asset out.

A minute of an asset holds every market of it that had a trade in that minute and whose quote
currency can be converted; its volume is the sum of theirs. Each of its prices is the mean of theirs
in one currency, weighted by volume: its high is no price that anybody paid, but what the market's
highs come to. Longer candles are folded from these minutes, see `folding`.

Rates are those of `rates`, read off the last minutes of the currencies' own markets: of several the
one that traded most counts, none is older than an hour. So a candle is a function of the candles
that it is made of, whatever order they come in. A bank's rates are not among them.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import fsum
from typing import TypeAlias

from analytics.closing import CandleKey, Closing
from analytics.latest import LatestQuotes
from analytics.rates import BRIDGES, Rates
from market import Candle, Instrument, Quote, VenueStatus
from market.intervals import INTERVALS, SECOND_NS, start_of

ACROSS = "all"
"""Stands where candles name their venue."""

CURRENCY = "USD"
RATE_AGE_NS = INTERVALS["1h"]
LATENESS_NS = 5 * SECOND_NS
"""The venues' own minutes close two seconds late, and have some way to here."""

WIDTH = 1e-9
"""The spread of the market that traded most, as a part of its price; the next has twice that."""

Market: TypeAlias = tuple[str, Instrument]


class AcrossBook(Closing[dict[Market, Candle]]):
    """The minutes of all assets that may still change, in one currency."""

    def __init__(self, *, horizon_ns: int = 600 * SECOND_NS) -> None:
        super().__init__(ACROSS, "1m", lateness_ns=LATENESS_NS, horizon_ns=horizon_ns)
        self._of_currencies: dict[Market, dict[int, Candle]] = {}
        self._rates: dict[int, Rates] = {}
        """What was found out of a minute's rates, until one of them is another."""

    def keys_of(self, candle: Candle) -> Sequence[CandleKey]:
        """Return the minute that a candle is in; none where it is no minute, or of no asset."""
        base, currency = candle.instrument.base, CURRENCY
        if candle.interval != "1m" or candle.venue == ACROSS or base == currency:
            return ()
        return ((Instrument(base, currency), candle.start_ns),)

    def take(self, candle: Candle) -> None:
        """Count a minute of a market, in place of an earlier state of it."""
        market = candle.venue, candle.instrument
        if is_of_currencies(candle.instrument):
            self.take_rate(candle)
        for key in self.keys_of(candle):
            pieces = self._candles.get(key)
            if pieces is None:
                self._begin(key, {market: candle})
            elif _is_news(candle, pieces.get(market)):
                pieces[market] = candle
                self._unsettle(key)

    def candle(self, key: CandleKey, *, sequence: int) -> Candle | None:
        """Return a candle as it is now; None: nothing in it can be converted.

        Raises:
            KeyError: there are no pieces of it.

        """
        instrument, start_ns = key
        rates = self._rates_at(start_ns)
        converted = list(self._converted(key, rates))
        volume = fsum(piece.volume for piece, _ in converted)
        if not volume:
            return None
        prices = [
            fsum(getattr(piece, name) * rate * piece.volume for piece, rate in converted) / volume
            for name in ("open", "high", "low", "close")
        ]
        pieces = [piece for piece, _ in converted]
        return Candle(
            venue=ACROSS,
            instrument=instrument,
            interval="1m",
            start_ns=start_ns,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[3],
            volume=volume,
            trades=sum(piece.trades for piece in pieces),
            closed=self.is_closed(key),
            complete=all(piece.complete for piece in pieces),
            event_ns=max(piece.event_ns for piece in pieces),
            received_ns=max(piece.received_ns for piece in pieces),
            sequence=sequence,
        )

    def _converted(self, key: CandleKey, rates: Rates) -> Iterator[tuple[Candle, float]]:
        """Yield the pieces that can be converted, each with what its currency is worth."""
        instrument, start_ns = key
        now_ns = start_ns + self.length_ns
        for (_, market), piece in sorted(self._candles[key].items(), key=lambda each: each[0]):
            rate = rates.between(
                market.quote_currency, CURRENCY, now_ns, avoiding=instrument.base, by="market"
            )
            if rate is not None:
                yield piece, rate.value

    def take_rate(self, candle: Candle) -> None:
        """Count a minute of two currencies as a rate; every asset's of the next hour may change."""
        market = candle.venue, candle.instrument
        minutes = self._of_currencies.setdefault(market, {})
        if not _is_news(candle, minutes.get(candle.start_ns)):
            return
        minutes[candle.start_ns] = candle
        self._rates.clear()
        oldest_ns = self.now_ns - self._ends_ns - RATE_AGE_NS
        for start_ns in [one for one in minutes if one < oldest_ns]:
            del minutes[start_ns]
        for key in self._candles:
            if candle.start_ns <= key[1] <= candle.start_ns + RATE_AGE_NS:
                self._unsettle(key)

    def _rates_at(self, start_ns: int) -> Rates:
        if start_ns in self._rates:
            return self._rates[start_ns]
        now_ns = start_ns + self.length_ns
        latest = LatestQuotes(max_age_ns=RATE_AGE_NS, max_silence_ns=2 * RATE_AGE_NS)
        known = self._last_minutes(start_ns)
        for venue in {venue for venue, _ in known}:
            latest.take_status(_live(venue, now_ns - RATE_AGE_NS - self.length_ns))
        ranked = sorted(known.values(), key=lambda one: (-one.volume, one.venue, one.instrument))
        for rank, candle in enumerate(ranked, start=1):
            latest.take_quote(_quote(candle, WIDTH * rank))
        rates = self._rates[start_ns] = Rates(latest)
        return rates

    def _last_minutes(self, start_ns: int) -> Mapping[Market, Candle]:
        """Return of each market of currencies its last minute up to this one, within the hour."""
        last: dict[Market, Candle] = {}
        for market, minutes in self._of_currencies.items():
            starts = [one for one in minutes if start_ns - RATE_AGE_NS < one <= start_ns]
            if starts:
                last[market] = minutes[max(starts)]
        return last


def is_of_currencies(instrument: Instrument) -> bool:
    """Tell whether a market is one of two currencies, so that a rate can be read off it."""
    return instrument.base in BRIDGES and instrument.quote_currency in BRIDGES


def _is_news(candle: Candle, known: Candle | None) -> bool:
    return known is None or (candle.trades, candle.sequence) > (known.trades, known.sequence)


def _quote(candle: Candle, width: float) -> Quote:
    """Return a quote about the last price; that of what traded most is the tightest."""
    at_ns = start_of(candle.start_ns, "1m") + INTERVALS["1m"]
    return Quote(
        venue=candle.venue,
        instrument=candle.instrument,
        bid=candle.close * (1.0 - width),
        bid_size=candle.volume,
        ask=candle.close * (1.0 + width),
        ask_size=candle.volume,
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns,
    )


def _live(venue: str, at_ns: int) -> VenueStatus:
    return VenueStatus(venue=venue, state="live", event_ns=at_ns, received_ns=at_ns, sequence=at_ns)
