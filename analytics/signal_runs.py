"""All strategies of one market and interval: closed candles in, signals out, corrected if need be.

Candles are told in order of time. One that comes late, or again with other figures, cannot be told
to a strategy that was told of later ones: so new ones `begin` with the past as it is known then,
and what they say otherwise of it is said again, marked as corrected.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isclose
from typing import TypeAlias

import msgspec

from analytics.signals import Run
from analytics.strategies import Bar
from analytics.strategies.choice import Choice
from market import Candle, Instrument, Signal
from market.intervals import INTERVALS

REMEMBERED = 64
"""Candles told, and signals of each strategy, that are kept at hand."""

ALIKE = 1e-9
"""Share by which numbers may differ that are the same but for how far back they go."""

Key: TypeAlias = tuple[str, str]
"""Name and parameters of a strategy."""

Failed: TypeAlias = Callable[[Choice, Exception], None]
"""Told of a strategy that fails; it says no more."""


class SignalRuns:
    """Knows the candles that were told lately and what was said that changed something.

    ``last_ns`` is the start of the last candle, ``hole_ns`` where one may have been missed that
    nobody looked for; None: there is none.

    Args:
        choices: All of one interval of candles.
        venue: Where the market is.
        instrument: What it is of.
        premium: Tells the premium known at a time, in basis points.
        failed: See `Failed`.

    """

    def __init__(
        self,
        choices: Sequence[Choice],
        venue: str,
        instrument: Instrument,
        *,
        premium: Callable[[int], float],
        failed: Failed,
    ) -> None:
        self.interval = choices[0].interval
        self.length_ns = INTERVALS[self.interval]
        self.last_ns: int | None = None
        self.hole_ns: int | None = None
        self.recent: dict[int, Candle] = {}
        self.said: dict[tuple[Key, int], Signal] = {}
        self._premium = premium
        self._failed = failed
        self._runs = [Run(choice, venue, instrument) for choice in choices]
        self._held_then: dict[Key, float] = {}

    def is_told(self, candle: Candle) -> bool:
        """Tell whether this candle was told with the same figures."""
        known = self.recent.get(candle.start_ns)
        return known is not None and _figures(known) == _figures(candle)

    def note_hole(self, start_ns: int) -> None:
        """Note that the next candle starts then: before it there may be others."""
        if self.last_ns is not None and start_ns > self.last_ns + self.length_ns:
            self.hole_ns = self.hole_ns or self.last_ns + self.length_ns

    def take(self, candle: Candle) -> list[Signal]:
        """Tell of the next candle, which is later than all before; return what is said."""
        said = list(self._tell(candle))
        self._note(candle)
        for signal in said:
            self._remember(signal)
        return said

    def begin(
        self,
        candles: Sequence[Candle],
        said: Mapping[tuple[Key, int], Signal],
        since_ns: int,
        *,
        is_all: bool = True,
    ) -> list[Signal]:
        """Begin with the past; return what is now said otherwise than it was, from a time on.

        Args:
            candles: All that are to be known, each once, oldest first.
            said: What was said of them before, as far as it is kept, by `key_of`.
            since_ns: Of candles that start earlier nothing is said.
            is_all: Whether these are all candles that there were. If not, numbers differ in the
                last digits from those of who knew more of them, which is no news.

        """
        first = bisect_left(candles, since_ns, key=lambda candle: candle.start_ns)
        for candle in candles[:first]:
            self._learn(candle)
        self._held_then = {run.choice.key[:2]: run.held for run in self._runs}
        told: list[Signal] = []
        for candle in candles[first:]:
            for signal in self._tell(candle):
                told += _otherwise(signal, said.get(key_of(signal)), is_exact=is_all)
        for candle in candles[-REMEMBERED:]:
            self._note(candle)
        for signal in [*said.values(), *told]:
            self._remember(signal)
        return told

    def agrees(self, said: Iterable[Signal], since_ns: int) -> bool:
        """Tell whether strategies wanted held at that time what they had said before it last."""
        last = {key_of(one)[0]: one.target for one in said if one.start_ns < since_ns}
        held = self._held_then
        return all(held[key] == target for key, target in last.items() if key in held)

    def _learn(self, candle: Candle) -> None:
        bar = self._bar(candle)
        for run in tuple(self._runs):
            try:
                run.learn(bar)
            except Exception as error:  # noqa: BLE001  # whatever a user's own strategy raises
                self._drop(run, error)

    def _tell(self, candle: Candle) -> Iterator[Signal]:
        bar = self._bar(candle)
        for run in tuple(self._runs):
            try:
                signal = run.on_candle(bar, received_ns=candle.received_ns)
            except Exception as error:  # noqa: BLE001  # as above
                self._drop(run, error)
            else:
                if signal is not None:
                    yield signal

    def _bar(self, candle: Candle) -> Bar:
        return Bar(
            candle.start_ns,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            self._premium(candle.start_ns + self.length_ns),
        )

    def _drop(self, run: Run, error: Exception) -> None:
        self._runs.remove(run)
        self._failed(run.choice, error)

    def _note(self, candle: Candle) -> None:
        self.last_ns = candle.start_ns
        self.recent[candle.start_ns] = candle
        if len(self.recent) > REMEMBERED:
            del self.recent[next(iter(self.recent))]

    def _remember(self, signal: Signal) -> None:
        if signal.side == "hold" and not signal.corrected:
            return
        key = key_of(signal)
        self.said.pop(key, None)
        self.said[key] = signal
        if len(self.said) > REMEMBERED * max(1, len(self._runs)):
            del self.said[next(iter(self.said))]


def key_of(signal: Signal) -> tuple[Key, int]:
    """Return what a signal is known by within its market and interval."""
    return (signal.strategy, signal.parameters), signal.start_ns


def _otherwise(signal: Signal, known: Signal | None, *, is_exact: bool) -> Iterator[Signal]:
    """Yield the signal if it is news beside what was said before of the same candle."""
    if known is None:
        if signal.side != "hold":
            yield signal
    elif not _is_alike(signal, known, is_exact=is_exact):
        yield msgspec.structs.replace(signal, corrected=True)


def _is_alike(signal: Signal, known: Signal, *, is_exact: bool) -> bool:
    if (signal.side, signal.target, signal.price) != (known.side, known.target, known.price):
        return False
    if is_exact or signal.values.keys() != known.values.keys():
        return signal.values == known.values
    return all(
        isclose(value, known.values[name], rel_tol=ALIKE, abs_tol=ALIKE * signal.price)
        for name, value in signal.values.items()
    )


def _figures(candle: Candle) -> tuple[float, ...]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume
