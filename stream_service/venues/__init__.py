"""The venues, found by name: each module here defines ``VENUE``."""

from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from stream_service.venue import Venue


def load_venues() -> dict[str, Venue]:
    """Import every module of this package and return its venues by name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    venues = [cast("Venue", module.__dict__["VENUE"]) for module in modules]
    return {venue.name: venue for venue in venues}
