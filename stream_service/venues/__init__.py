"""The venues, found by name: each module here defines ``VENUE``."""

from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

from stream_service.polled import PolledVenue
from stream_service.venue import Venue

V = TypeVar("V", Venue, PolledVenue)


def load_venues() -> dict[str, Venue]:
    """Import every module of this package and return the venues that are streamed, by name."""
    return _load(Venue)


def load_polled() -> dict[str, PolledVenue]:
    """Import every module of this package and return the services that are polled, by name."""
    return _load(PolledVenue)


def _load(kind: type[V]) -> dict[str, V]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    defined = (module.__dict__["VENUE"] for module in modules)
    return {venue.name: venue for venue in defined if isinstance(venue, kind)}
