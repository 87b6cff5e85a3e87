"""Looks whether any of the real venues answers, before the system is started on them."""

import asyncio

import httpx2

from cryptotracker.choice import chosen_polled, chosen_venues, with_keys
from cryptotracker.settings import Settings
from market import UnavailableError
from stream_service.polled import PolledVenue
from stream_service.venue import Venue

TIMEOUT_S = 5.0


async def require_a_venue(settings: Settings) -> None:
    """Return when one of the venues answers.

    Raises:
        UnavailableError: none does; the text says why and what to do.

    """
    venues: list[Venue | PolledVenue] = [
        *with_keys(settings, chosen_venues(settings)),
        *with_keys(settings, chosen_polled(settings)),
    ]
    async with httpx2.AsyncClient(timeout=TIMEOUT_S) as http:
        troubles = await asyncio.gather(*(_trouble(venue, http) for venue in venues))
    if all(troubles):
        each = "; ".join(
            f"{venue.name}: {trouble}" for venue, trouble in zip(venues, troubles, strict=True)
        )
        raise UnavailableError(
            f"No venue answered within {TIMEOUT_S:g} s ({each}). Check the internet connection, "
            "or run without --live: the simulator needs none."
        )


async def _trouble(venue: Venue | PolledVenue, http: httpx2.AsyncClient) -> str:
    """Return why the venue does not answer; empty: it does."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await http.head(venue.rest_url)
    except (httpx2.HTTPError, OSError, TimeoutError) as error:
        return str(error) or type(error).__name__
    return ""
