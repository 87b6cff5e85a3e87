"""What Kraken calls its instruments: today's codes on the stream, older ones over REST."""

from market import Instrument
from stream_service.wire import instrument_of as split_at_quote_currency

NAME = "kraken"
QUOTE_CURRENCIES = ("USD", "EUR", "USDT", "USDC", "GBP", "BTC")
RARER_QUOTE_CURRENCIES = ("XBT", "ETH", "CHF", "CAD", "AUD", "JPY", "DAI", "PYUSD", "DOT")
MONEY_OF_OLD = frozenset({"AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "USD"})
COINS_OF_OLD = frozenset(
    {"ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG", "XLM", "XMR", "XRP", "ZEC"}
)
"""Codes that REST writes with a Z or an X before them in pairs of old: ``XXBTZUSD``."""


def symbol(instrument: Instrument) -> str:
    """Return the name of ``instrument`` on the stream, in today's codes."""
    return f"{instrument.base}/{instrument.quote_currency}"


def instrument_of(name: str) -> Instrument:
    """Read a name as the stream or as REST writes it: ``BTC/USD``, ``XBTUSD``, ``XXBTZUSD``.

    Raises:
        ValueError: it is neither.

    """
    if "/" in name:
        return Instrument.parse(name)
    if len(name) == len("XXBTZUSD") and _is_of_old(name[4:]):
        return Instrument.of(name[1:4] if _is_of_old(name[:4]) else name[:4], name[5:])
    return split_at_quote_currency(name, (*QUOTE_CURRENCIES, *RARER_QUOTE_CURRENCIES))


def _is_of_old(code: str) -> bool:
    codes = {"Z": MONEY_OF_OLD, "X": COINS_OF_OLD}.get(code[0], frozenset())
    return code[1:] in codes
