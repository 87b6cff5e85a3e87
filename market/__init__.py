"""The words of the market: what every other package talks about, and nothing it does."""

from market.errors import (
    BusUnavailableError,
    CryptoTrackerError,
    FrameError,
    GaveUpError,
    PoisonousError,
    SettingsError,
    StoreUnavailableError,
    UnavailableError,
    VenueRefusedError,
)
from market.events import (
    ActorStatus,
    Book,
    Candle,
    Event,
    Gap,
    Level,
    Quote,
    Route,
    Routes,
    Signal,
    Trade,
    VenueStatus,
)
from market.instrument import Instrument, Listing
from market.routing import routing_key

__all__ = [
    "ActorStatus",
    "Book",
    "BusUnavailableError",
    "Candle",
    "CryptoTrackerError",
    "Event",
    "FrameError",
    "Gap",
    "GaveUpError",
    "Instrument",
    "Level",
    "Listing",
    "PoisonousError",
    "Quote",
    "Route",
    "Routes",
    "SettingsError",
    "Signal",
    "StoreUnavailableError",
    "Trade",
    "UnavailableError",
    "VenueRefusedError",
    "VenueStatus",
    "routing_key",
]
