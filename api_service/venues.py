"""How the venues do, from their statuses: what is live, how fast, and why a quote is stale."""

from collections.abc import Mapping

import msgspec

from api_service.rows import S, age_ms, rfc3339, symbol_of
from api_service.schemas import TroubleRow, VenueRow
from market import Instrument, Quote, VenueStatus

SILENT_AFTER_NS = 5 * S
"""A venue that has not told its state for longer than that is stale."""

SILENT = f"no status for more than {SILENT_AFTER_NS // S} s"

TROUBLED_TOLD = 100
"""Instruments that a row names at most."""

RATE_WINDOW_NS = S // 2
"""Events a second are counted over at least that."""


class _Heard(msgspec.Struct):
    """The last status of a venue, when we heard it, and what its rate is counted from."""

    status: VenueStatus
    heard_ns: int
    counted_from: VenueStatus
    events_per_s: float = 0.0


class VenueBoard:
    """The last status of each venue, and of each instrument that is not well.

    Args:
        max_age_ns: A quote that was received longer ago than that is stale.
        polled_age_ns: The same of services that are polled, by name: their budgets allow a call now
            and then, so what they told last is as fresh as can be for long.

    """

    def __init__(self, max_age_ns: int, polled_age_ns: Mapping[str, int] | None = None) -> None:
        self.max_age_ns = max_age_ns
        self._polled_age_ns = polled_age_ns or {}
        self._heard: dict[str, _Heard] = {}
        self._troubled: dict[tuple[str, Instrument], VenueStatus] = {}

    @property
    def names(self) -> list[str]:
        """Every venue that has told its state, by name."""
        return sorted(self._heard)

    def hear(self, status: VenueStatus, now_ns: int) -> None:
        """Take in a status; an older one than is known changes nothing.

        Unless a clock was set back since, ours or that of who told: then it is the newer one.
        """
        if status.instrument is not None:
            self._hear_of_instrument(status, status.instrument)
            return
        heard = self._heard.get(status.venue)
        if heard is None:
            self._heard[status.venue] = _Heard(status, now_ns, counted_from=status)
        elif status.received_ns >= heard.status.received_ns or now_ns < max(
            heard.heard_ns - S, heard.status.received_ns - SILENT_AFTER_NS
        ):
            _count(heard, status)
            heard.status, heard.heard_ns = status, now_ns
        if status.state != "live":
            for key in [key for key in self._troubled if key[0] == status.venue]:
                del self._troubled[key]

    def any_live(self, now_ns: int) -> bool:
        """Tell whether some venue is live."""
        return any(self.why_not_live(venue, now_ns) is None for venue in self._heard)

    def why_not_live(self, venue: str, now_ns: int) -> str | None:
        """Return why a venue's events must not be relied on; None: it is live."""
        heard = self._heard.get(venue)
        if heard is None:
            return f"{venue} has not told its state yet"
        if heard.status.state != "live":
            return _sentence(f"{venue} is {heard.status.state}", heard.status.reason)
        if now_ns - heard.heard_ns > SILENT_AFTER_NS:
            return f"{venue} is stale: {SILENT}"
        return None

    def why_troubled(self, venue: str, instrument: Instrument, now_ns: int) -> str | None:
        """Return why nothing of an instrument at a venue must be relied on; None: it is live."""
        if (reason := self.why_not_live(venue, now_ns)) is not None:
            return reason
        trouble = self._troubled.get((venue, instrument))
        if trouble is None:
            return None
        named = f"{symbol_of(instrument)} at {venue} is {trouble.state}"
        return _sentence(named, trouble.reason)

    def why_stale(self, quote: Quote, now_ns: int) -> str | None:
        """Return why a quote must not be relied on; None: it is fresh."""
        if (reason := self.why_troubled(quote.venue, quote.instrument, now_ns)) is not None:
            return reason
        max_age_ns = self._polled_age_ns.get(quote.venue, self.max_age_ns)
        if abs(now_ns - quote.received_ns) > max_age_ns:  # in the future: the clock was set back
            return f"no quote for more than {max_age_ns / S:g} s"
        return None

    def state(self, venue: str, now_ns: int) -> tuple[VenueStatus, bool, tuple[VenueStatus, ...]]:
        """Return what a row is made of: equal as long as the row would say the same."""
        heard = self._heard[venue]
        silent = heard.status.state == "live" and now_ns - heard.heard_ns > SILENT_AFTER_NS
        troubled = tuple(s for key, s in self._troubled.items() if key[0] == venue)
        return heard.status, silent, troubled

    def row(self, venue: str, now_ns: int) -> VenueRow:
        """Return the public form of a venue's state."""
        heard = self._heard[venue]
        status, silent, troubled = self.state(venue, now_ns)
        return {
            "venue": venue,
            "state": "stale" if silent else status.state,
            "reason": SILENT if silent else status.reason,
            "polled": venue in self._polled_age_ns,
            "lasts_s": self._polled_age_ns.get(venue, self.max_age_ns) / S,
            "instruments": status.instruments,
            "frames": status.frames,
            "events": status.events,
            "refused": status.refused,
            "reconnects": status.reconnects,
            "events_per_s": heard.events_per_s,
            "resyncs": status.resyncs,
            "backfilled": status.backfilled,
            "gaps": status.gaps,
            "latency_ms": status.latency_ms,
            "clock_offset_ms": status.clock_offset_ms,
            "clock_error_ms": status.clock_error_ms,
            "age_ms": age_ms(heard.heard_ns, now_ns),
            "not_live": max(status.troubled, len(troubled)),
            "troubled": [_trouble_row(trouble) for trouble in troubled[:TROUBLED_TOLD]],
        }

    def _hear_of_instrument(self, status: VenueStatus, instrument: Instrument) -> None:
        if status.state == "live":
            self._troubled.pop((status.venue, instrument), None)
        else:
            self._troubled[status.venue, instrument] = status


def _count(heard: _Heard, status: VenueStatus) -> None:
    counted_from = heard.counted_from
    passed_ns = status.received_ns - counted_from.received_ns
    if status.events < counted_from.events:
        heard.counted_from = status
    elif passed_ns >= RATE_WINDOW_NS:
        heard.events_per_s = round((status.events - counted_from.events) * S / passed_ns, 1)
        heard.counted_from = status


def _trouble_row(status: VenueStatus) -> TroubleRow:
    symbol = "" if status.instrument is None else symbol_of(status.instrument)
    return {
        "symbol": symbol,
        "state": status.state,
        "reason": status.reason,
        "since": rfc3339(status.received_ns),
    }


def _sentence(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what
