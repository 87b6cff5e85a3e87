"""Symbols as venues write them, told apart by their shape alone."""

import pytest

from market import Instrument
from tests.venues.cases import VENUES

SYMBOLS = {
    "alpaca": {"BTC/USD": "BTC-USD", "ETH/BTC": "ETH-BTC", "USDT/USD": "USDT-USD"},
    "binance": {
        "1INCHUSDT": "1INCH-USDT",
        "BTCSTUSDT": "BTCST-USDT",
        "USDTTRY": "USDT-TRY",
        "EURUSDT": "EUR-USDT",
        "FDUSDUSDC": "FDUSD-USDC",
        "FDUSDUSDT": "FDUSD-USDT",
        "BTCFDUSD": "BTC-FDUSD",
        "USDCUSDT": "USDC-USDT",
        "BTCUSDC": "BTC-USDC",
        "ETHBTC": "ETH-BTC",
        "BTCEUR": "BTC-EUR",
        "BNBETH": "BNB-ETH",
        "nknusdt": "NKN-USDT",
    },
    "bithumb": {"KRW-BTC": "BTC-KRW", "BTC-ETH": "ETH-BTC", "BTC_KRW": "BTC-KRW"},
    "bitstamp": {
        "btcusd": "BTC-USD",
        "usdtusd": "USDT-USD",
        "eurcusd": "EURC-USD",
        "eurcusdc": "EURC-USDC",
        "usdcusd": "USDC-USD",
        "usdcusdt": "USDC-USDT",
        "btcusdt": "BTC-USDT",
        "ethbtc": "ETH-BTC",
        "gbpeur": "GBP-EUR",
        "bateur": "BAT-EUR",
        "btcusd-perp": "BTCPERP-USD",
    },
    "bybit": {
        "BTCUSDT": "BTC-USDT",
        "USDCUSDT": "USDC-USDT",
        "USDTEUR": "USDT-EUR",
        "ETHBTC": "ETH-BTC",
        "BTCUSDC": "BTC-USDC",
        "1INCHUSDT": "1INCH-USDT",
    },
    "coinbase": {"BTC-USD": "BTC-USD", "USDT-USDC": "USDT-USDC", "00-USD": "00-USD"},
    "kraken": {
        "XBT/EUR": "BTC-EUR",
        "XDG/USD": "DOGE-USD",
        "BTC/USD": "BTC-USD",
        "ETH/XBT": "ETH-BTC",
        "USDT/USD": "USDT-USD",
    },
    "kucoin": {"BTC-USDT": "BTC-USDT", "BCHSV-USDT": "BCHSV-USDT", "1INCH-USDT": "1INCH-USDT"},
    "okx": {"BTC-USDT": "BTC-USDT", "ETH-BTC": "ETH-BTC", "USDC-USDT": "USDC-USDT"},
    "upbit": {"KRW-BTC": "BTC-KRW", "USDT-XRP": "XRP-USDT", "BTC-ETH": "ETH-BTC"},
}
NOT_SPOT = {
    "binance": ["BTCUSDT_260925", "USDT", ""],
    "bithumb": ["KRW", "BTC_", ""],
    "bitstamp": ["btcusd-swap", "usd", ""],
    "bybit": ["BTC-27DEC26-90000-C", "USDT", ""],
    "coinbase": ["BTC-PERP-INTX", "BTC", ""],
    "kraken": ["BTC", "PF_XBTUSD", ""],
    "kucoin": ["XBTUSDTM", "BTC", ""],
    "okx": ["BTC-USD-SWAP", "BTC-USD-260925", "BTC-USD-260925-90000-C", ""],
    "upbit": ["KRW", "BTC", ""],
}


@pytest.mark.parametrize(
    ("venue", "symbol", "name"),
    [(venue, *named) for venue, symbols in SYMBOLS.items() for named in symbols.items()],
)
def test_a_symbol_is_read_by_its_shape(venue: str, symbol: str, name: str) -> None:
    instrument = VENUES[venue].instrument(symbol)

    assert instrument == Instrument.parse(name)


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [(venue, symbol) for venue, symbols in NOT_SPOT.items() for symbol in symbols],
)
def test_what_is_no_spot_symbol_is_refused(venue: str, symbol: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        VENUES[venue].instrument(symbol)


def test_a_stock_is_priced_in_dollars_and_has_no_dot() -> None:
    assert VENUES["alpaca"].instrument("AAPL") == Instrument("AAPL", "USD")
    assert VENUES["alpaca"].instrument("BRK.B") == Instrument("BRKB", "USD")
