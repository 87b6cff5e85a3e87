"""From the names that a client gives to instruments and venues that are known, or a problem."""

import heapq
import re
from collections.abc import Iterable, Sequence

from analytics.across import ACROSS
from api_service.problems import ProblemError, fault
from api_service.rows import symbol_of
from api_service.view import Key, LatestView
from market import Instrument

NAMES_AT_MOST = 200


def split(text: str | None) -> list[str]:
    """Read a list with commas."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def read_instruments(
    names: Sequence[str], view: LatestView, *, be_strict: bool = True
) -> frozenset[Instrument] | None:
    """Read symbols; None: none was given, so all are meant.

    Raises:
        ProblemError: one of them cannot be read or, where this is to be strict, no venue lists it;
            while nothing is known yet all are accepted.

    """
    if not names:
        return None
    _check_count("symbol", names)
    plain = {symbol_of(known).replace("-", ""): known for known in view.known}
    found = {name: _read_instrument(name, plain, view) for name in names}
    for name, instrument in found.items():
        if be_strict and view.known and not _is_known(instrument, view):
            raise _unknown_symbol(name, f"No venue lists {instrument}", view)
    return frozenset(found.values())


def read_venues(names: Sequence[str], view: LatestView) -> frozenset[str] | None:
    """Read venues; None: none was given, so all are meant.

    Raises:
        ProblemError: as `read_instruments`.

    """
    if not names:
        return None
    _check_count("venue", names)
    known = {*view.venues.names, *(venue for venues in view.known.values() for venue in venues)}
    for name in names:
        if known and name.lower() not in {*known, ACROSS}:
            raise ProblemError(
                "unknown-venue",
                f"There is no venue {name}.",
                [
                    fault(
                        "venue",
                        name,
                        f"one of {', '.join(sorted(known))}",
                        close_to=name.lower(),
                        known=known,
                    )
                ],
            )
    return frozenset(name.lower() for name in names)


def read_venue(name: str | None, view: LatestView) -> str | None:
    """Read a venue; None: any.

    Raises:
        ProblemError: as `read_instruments`.

    """
    found = None if name is None else read_venues([name], view)
    return next(iter(found), None) if found else None


def read_assets(names: Sequence[str]) -> frozenset[str] | None:
    """Read base currencies; None: none was given, so all are meant."""
    if not names:
        return None
    _check_count("asset", names)
    return frozenset(Instrument.of(name, "USD").base for name in names)


def series(
    instruments: Iterable[Instrument], venues: frozenset[str] | None, view: LatestView
) -> list[Key]:
    """Return every venue and instrument meant: where no venue is named, those known to list it."""
    return [
        (venue, instrument)
        for instrument in sorted(instruments)
        for venue in sorted(venues or view.known.get(instrument, set()))
    ]


def near_routes(route_id: str, view: LatestView) -> list[str]:
    """Return the ids of the three routes that share most of their way with this one."""
    wanted = _way(route_id)
    shared = (
        (len(wanted & _way(route.id)), route.id)
        for routes in view.routes.values()
        for route in routes.routes
    )
    closest = heapq.nsmallest(3, ((-count, name) for count, name in shared if count))
    return [name for _, name in closest]


def _way(route_id: str) -> set[str]:
    return set(re.split(r"[|>:]", route_id)) - {""}


def _is_known(instrument: Instrument, view: LatestView) -> bool:
    """Tell whether a venue lists it, or candles across venues are of it."""
    return instrument in view.known or (ACROSS, instrument, "1m") in view.candles


def _read_instrument(name: str, plain: dict[str, Instrument], view: LatestView) -> Instrument:
    try:
        return Instrument.parse(name)
    except ValueError as error:
        found = plain.get(name.upper())
        if found is None:
            raise _unknown_symbol(name, str(error), view) from error
        return found


def _unknown_symbol(name: str, why: str, view: LatestView) -> ProblemError:
    known = [symbol_of(instrument) for instrument in view.known]
    reason = "a symbol that GET /v1/instruments lists"
    close_to = name.upper().replace("/", "-")
    return ProblemError(
        "unknown-symbol",
        f"{why}.",
        [fault("symbol", name, reason, close_to=close_to, known=known)],
    )


def _check_count(parameter: str, names: Sequence[str]) -> None:
    if len(names) > NAMES_AT_MOST:
        raise ProblemError(
            "invalid-parameter",
            f"{len(names)} names in {parameter}; at most {NAMES_AT_MOST} are taken.",
            [fault(parameter, len(names), f"at most {NAMES_AT_MOST} names")],
        )
