"""Alpaca's names of stocks and coins."""

from market import (
    Instrument,
    Listing,
)
from stream_service.codes import may_be_stock

NAME = "alpaca"


def symbol(instrument: Instrument) -> str:
    """Return the usual name of ``instrument``; which one it truly has is only in the listing."""
    if may_be_stock(instrument):
        return instrument.base
    return f"{instrument.base}/{instrument.quote_currency}"


def instrument(name: str) -> Instrument:
    """Read a symbol by its shape: ``BTC/USD`` is crypto, ``BRK.B`` a stock (here ``BRKB``).

    Raises:
        ValueError: it is neither.

    """
    if "/" in name:
        return Instrument.parse(name)
    base = name.replace(".", "")
    if not base.isalnum():
        raise ValueError(f"{name[:40]!r} is no stock, and no crypto such as BTC/USD")
    return Instrument(base.upper(), "USD")


def group(listing: Listing) -> str:
    """Tell which feed has it."""
    return "crypto" if "/" in listing.symbol else "stocks"
