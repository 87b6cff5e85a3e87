"""Instruments: what is traded, named the same at every venue."""

from __future__ import annotations

import msgspec

ALIASES = {"XBT": "BTC", "XDG": "DOGE"}
"""Codes that some venues use for what the rest of the market calls otherwise."""


class Instrument(msgspec.Struct, frozen=True, order=True, gc=False, cache_hash=True):
    """One unit of ``base`` priced in ``quote_currency``: a spot pair or a stock.

    Both are upper-case ISO 4217, ticker or venue codes after aliases are resolved (XBT is BTC).
    """

    base: str
    quote_currency: str

    def __str__(self) -> str:
        return f"{self.base}-{self.quote_currency}"

    @classmethod
    def of(cls, base: str, quote_currency: str) -> Instrument:
        """Make an instrument of two codes as a venue spells them."""
        base, quote_currency = base.upper(), quote_currency.upper()
        return cls(ALIASES.get(base, base), ALIASES.get(quote_currency, quote_currency))

    @classmethod
    def parse(cls, text: str) -> Instrument:
        """Read ``BTC-USDT`` or ``btc/usdt``.

        Raises:
            ValueError: it is not two codes joined by a dash or a slash.

        """
        base, dash, quote_currency = text.strip().upper().replace("/", "-").partition("-")
        if not (base and dash and quote_currency and (base + quote_currency).isalnum()):
            raise ValueError(f"an instrument is written BASE-QUOTE, such as BTC-USDT, not {text!r}")
        return cls.of(base, quote_currency)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The terms on which a venue lists an instrument.

    ``tick_size`` is the step of prices, ``lot_size`` of sizes, ``minimum_notional`` in the quote
    currency; None where the venue does not say. ``symbol`` is the venue's own name for it on its
    stream, ``rest_symbol`` the one over REST where that differs, ``name`` what people call it.
    """

    instrument: Instrument
    symbol: str
    rest_symbol: str = ""
    name: str = ""
    trading: bool = True
    tick_size: float | None = None
    lot_size: float | None = None
    minimum_notional: float | None = None
