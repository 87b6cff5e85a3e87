"""The name of a venue in, the venue or a sentence with those there are out."""

from difflib import get_close_matches

from market import SettingsError
from stream_service.polled import PolledVenue
from stream_service.venue import Venue
from stream_service.venues import load_polled, load_venues


def known_venues() -> dict[str, Venue | PolledVenue]:
    """Return all venues, streamed ones first."""
    return {**load_venues(), **load_polled()}


def venue_named(name: str) -> Venue | PolledVenue:
    """Return the venue that is called so, whatever the case.

    Raises:
        SettingsError: there is none; the text names those there are.

    """
    known = known_venues()
    venue = known.get(name.strip().lower())
    if venue is None:
        close = get_close_matches(name.strip().lower(), known, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise SettingsError(
            f"There is no venue {name!r}.{meant} Known: {', '.join(known)}. "
            "`cryptotracker venues` describes them."
        )
    return venue
