"""How the venues do, from their statuses: what is live, how fast, and why a quote is stale."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from api_service.rows import S, age_ms, rfc3339, symbol_of
from api_service.schemas import TroubleRow, VenueRow
from market import Instrument, Quote, VenueStatus
from market.spread import is_in_shard

SILENT_AFTER_NS = 5 * S
"""A venue that has not told its state for longer than that is stale."""

SILENT = f"no status for more than {SILENT_AFTER_NS // S} s"

TROUBLED_TOLD = 100
"""Instruments that a row names at most."""

COUNTED = (
    "instruments",
    "frames",
    "events",
    "refused",
    "reconnects",
    "resyncs",
    "backfilled",
    "gaps",
    "troubled",
)
"""What the parts of a venue count each for itself."""

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
        self._heard: dict[str, dict[str, _Heard]] = {}
        """By venue and shard: each process that follows a part of a venue speaks for that part."""
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
        shards = self._heard.setdefault(status.venue, {})
        heard = shards.get(status.shard)
        if heard is None:
            shards[status.shard] = _Heard(status, now_ns, counted_from=status)
        elif status.received_ns >= heard.status.received_ns or now_ns < max(
            heard.heard_ns - S, heard.status.received_ns - SILENT_AFTER_NS
        ):
            _count(heard, status)
            heard.status, heard.heard_ns = status, now_ns
        for shard in [one for one in shards if _is_over(one, shards, status.shard, now_ns)]:
            del shards[shard]
        if status.state != "live":
            for key in [key for key in self._troubled if status.speaks_of(*key)]:
                del self._troubled[key]

    def any_live(self, now_ns: int) -> bool:
        """Tell whether some venue is live, or a part of one."""
        return any(
            _why_not(heard, now_ns) is None
            for shards in self._heard.values()
            for heard in shards.values()
        )

    def why_not_live(self, venue: str, instrument: Instrument, now_ns: int) -> str | None:
        """Return why what a venue tells of an instrument must not be relied on; None: it is live.

        Trouble of this instrument alone is left out.
        """
        shards = self._heard.get(venue)
        if shards is None:
            return f"{venue} has not told its state yet"
        speaking = [one for shard, one in shards.items() if is_in_shard(instrument, shard)]
        if not speaking:
            return f"{venue} has not told its state of {symbol_of(instrument)} yet"
        return _why_not(max(speaking, key=_heard_ns), now_ns)

    def why_troubled(self, venue: str, instrument: Instrument, now_ns: int) -> str | None:
        """Return why nothing of an instrument at a venue must be relied on; None: it is live."""
        if (reason := self.why_not_live(venue, instrument, now_ns)) is not None:
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
        parts = list(self._heard[venue].values())
        troubled = tuple(s for key, s in self._troubled.items() if key[0] == venue)
        return _together(parts), _is_silent(parts, now_ns), troubled

    def row(self, venue: str, now_ns: int) -> VenueRow:
        """Return the public form of a venue's state."""
        parts = self._heard[venue].values()
        status, silent, troubled = self.state(venue, now_ns)
        return {
            "venue": venue,
            "state": "stale" if silent else status.state,
            "reason": _silence(parts, now_ns) if silent else status.reason,
            "polled": venue in self._polled_age_ns,
            "lasts_s": self._polled_age_ns.get(venue, self.max_age_ns) / S,
            "instruments": status.instruments,
            "frames": status.frames,
            "events": status.events,
            "refused": status.refused,
            "reconnects": status.reconnects,
            "events_per_s": round(sum(part.events_per_s for part in parts), 1),
            "resyncs": status.resyncs,
            "backfilled": status.backfilled,
            "gaps": status.gaps,
            "latency_ms": status.latency_ms,
            "clock_offset_ms": status.clock_offset_ms,
            "clock_error_ms": status.clock_error_ms,
            "age_ms": age_ms(min(part.heard_ns for part in parts), now_ns),
            "not_live": max(status.troubled, len(troubled)),
            "troubled": [_trouble_row(trouble) for trouble in troubled[:TROUBLED_TOLD]],
        }

    def _hear_of_instrument(self, status: VenueStatus, instrument: Instrument) -> None:
        if status.state == "live":
            self._troubled.pop((status.venue, instrument), None)
        else:
            self._troubled[status.venue, instrument] = status


def _why_not(heard: _Heard, now_ns: int) -> str | None:
    """Return why a venue, or a part of one, is not live; None: it is."""
    venue, status = heard.status.venue, heard.status
    if status.state != "live":
        return _sentence(f"{venue} is {status.state}", status.reason)
    if now_ns - heard.heard_ns > SILENT_AFTER_NS:
        return f"{venue} is stale: {SILENT}"
    return None


def _is_over(shard: str, shards: Mapping[str, _Heard], speaking: str, now_ns: int) -> bool:
    """Tell whether a silent part is of a division that another one took the place of."""
    is_other = shard.partition("/")[2] != speaking.partition("/")[2]
    return is_other and now_ns - shards[shard].heard_ns > SILENT_AFTER_NS


def _is_silent(parts: Sequence[_Heard], now_ns: int) -> bool:
    """Tell whether a part that was live fell silent, and no other is in worse trouble."""
    live = [part for part in parts if part.status.state == "live"]
    return len(live) == len(parts) and any(
        now_ns - part.heard_ns > SILENT_AFTER_NS for part in live
    )


def _silence(parts: Collection[_Heard], now_ns: int) -> str:
    """Say who is silent."""
    silent = [part.status.shard for part in parts if now_ns - part.heard_ns > SILENT_AFTER_NS]
    return _sentence(f"part {', '.join(silent)}", SILENT) if any(silent) else SILENT


def _together(parts: Sequence[_Heard]) -> VenueStatus:
    """Return the status of the whole: the worst state of a part, and the sums of its counts."""
    if len(parts) == 1:
        return parts[0].status
    troubled = [part for part in parts if part.status.state != "live"]
    worst = (troubled or [max(parts, key=_heard_ns)])[0].status
    reason = _sentence(f"part {worst.shard}", worst.reason) if troubled else ""
    latencies = [part.status.latency_ms for part in parts if part.status.latency_ms is not None]
    return replace(
        worst,
        shard="",
        reason=reason,
        latency_ms=max(latencies, default=None),
        **{name: sum(getattr(part.status, name) for part in parts) for name in COUNTED},
    )


def _heard_ns(heard: _Heard) -> int:
    return heard.heard_ns


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
