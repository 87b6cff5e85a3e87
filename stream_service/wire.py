"""What frames are made of: prices, sizes, times as venues write them, checked while they are read.

The types are for the frame structs of the venues: a value that cannot be true (NaN, infinite,
negative, a year from the far future) is refused by the decoder itself.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from msgspec import Meta

from market import Instrument
from market.intervals import INTERVALS, SECOND_NS

MS = 1_000_000
"""Nanoseconds of a millisecond."""

LARGEST = 1e18
"""Beyond every price and size: what is not smaller is no number of a market."""

EARLIEST_NS = 1_230_768_000_000 * MS
"""2009: no market of today is older."""

LATEST_NS = 4_070_908_800_000 * MS
"""2099: a clock or a unit is wrong."""

Price: TypeAlias = Annotated[float, Meta(gt=0, lt=LARGEST)]
Size: TypeAlias = Annotated[float, Meta(gt=0, lt=LARGEST)]
OrZero: TypeAlias = Annotated[float, Meta(ge=0, lt=LARGEST)]
"""A price or size where zero is the venue's word for none."""

Name: TypeAlias = Annotated[str, Meta(min_length=1)]
"""A symbol, or the code of a currency."""

Milliseconds: TypeAlias = Annotated[int, Meta(ge=EARLIEST_NS // MS, lt=LATEST_NS // MS)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""An id or a place in a sequence."""

Places: TypeAlias = Annotated[int, Meta(ge=0, le=18)]
"""Decimal places."""

MINUTES = {length // (60 * SECOND_NS): name for name, length in INTERVALS.items()}
"""Names of intervals by their length in minutes."""

UNREADABLE = (ValueError, LookupError, ArithmeticError, RecursionError)
"""What reading a frame of another shape raises (msgspec's errors are ValueErrors)."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # every time here is UTC
_SECOND = timedelta(seconds=1)
_THOUSANDTHS = {f"{count:03}": count * MS for count in range(1_000)}
_ENDS = {f"{count:03}Z": count * 1_000 for count in range(1_000)} | {"Z": 0, "000000Z": 0}
"""What may follow the thousandths of a second."""

SECONDS_KNOWN = 256
"""Seconds that are remembered at most."""


def plain(value: float, decimals: int = 0) -> str:
    """Write ``value`` without exponent, so that it reads back equal.

    Args:
        value: A finite number.
        decimals: Zeros are added up to so many places; no digit is ever cut.

    """
    text = repr(float(value))
    if "e" in text:
        text = format(Decimal(text), "f")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{fraction}" if fraction else whole


def decimals_of(step: float | None) -> int:
    """Return the decimal places of a tick or lot size; 0 where there is none."""
    return 0 if step is None else len(plain(step).partition(".")[2])


def plausible(event_ns: int) -> int:
    """Return ``event_ns`` as it is.

    Raises:
        ValueError: it lies outside of the years 2009 to 2098.

    """
    if not EARLIEST_NS <= event_ns < LATEST_NS:
        raise ValueError(f"a time of {event_ns} ns is not within 2009 to 2098")
    return event_ns


def check_candle(first: float, high: float, low: float, last: float) -> None:
    """Hold that the prices of a candle lie within its own high and low.

    Raises:
        ValueError: they do not, so they were told or read in a wrong order.

    """
    if not (low <= first <= high and low <= last <= high):
        raise ValueError(f"{first} and {last} do not lie in {low} to {high}")


def ns_of_seconds(text: str) -> int:
    """Read Unix seconds with a fraction, such as ``1688669597.8277369``, exactly."""
    second, _, fraction = text.partition(".")
    return plausible(int(second) * SECOND_NS + _fraction_ns(fraction))


def ns_of_rfc3339(text: str) -> int:
    """Read a UTC time such as ``2026-07-07T23:00:04.585581Z``, exactly."""
    try:  # to look digits up, three at a time, costs half of what reading them does
        return _points[text[:20]] + _THOUSANDTHS[text[20:23]] + _ENDS[text[23:]]
    except KeyError:
        return _ns_of_rfc3339(text)


def ns_of_whole_rfc3339(text: str) -> int:
    """Do as `ns_of_rfc3339` where a second has hardly ever a fraction."""
    return _seconds[text[:19]] if text[19:] == "Z" else ns_of_rfc3339(text)


def ns_of_second(text: str) -> int:
    """Read a UTC time such as ``2026-07-07T23:00:04``, which names no zone."""
    return _seconds[text]


def rfc3339_of_ns(event_ns: int) -> str:
    """Write a UTC time with microseconds; what is finer is cut."""
    seconds, fraction = divmod(event_ns, SECOND_NS)
    second = _EPOCH + timedelta(seconds=seconds)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{fraction // 1_000:06d}Z"


def instrument_of(symbol: str, quote_currencies: Iterable[str]) -> Instrument:
    """Split a symbol without separator, such as ``BTCUSDT``, at the longest quote currency.

    Raises:
        ValueError: it ends with none of them, or has more in it than letters and digits.

    """
    symbol = symbol.upper()
    ends = [code for code in quote_currencies if symbol.endswith(code) and symbol != code]
    if not ends or not symbol.isalnum():
        raise ValueError(f"{symbol[:40]!r} is no symbol that ends with a known quote currency")
    quote_currency = max(ends, key=len)
    return Instrument.of(symbol.removesuffix(quote_currency), quote_currency)


def route_of(path: str) -> tuple[str, dict[str, str]]:
    """Split the path of a request from its query."""
    url = urlsplit(path)
    return url.path, dict(parse_qsl(url.query))


class _Seconds(dict[str, int]):
    """Times by their text: a thousand frames share their second, which is read and checked once."""

    def __missing__(self, text: str) -> int:
        if len(self) == SECONDS_KNOWN:
            self.clear()
        self[text] = second_ns = _second_ns(text)
        return second_ns


_seconds = _Seconds()


_points: dict[str, int] = {}
"""The same by the text up to the point that a fraction follows."""


def _ns_of_rfc3339(text: str) -> int:
    if text[-1:] != "Z":
        raise ValueError(f"a time ends with Z, not as {text[:40]!r}")
    second, point, fraction = text[:-1].partition(".")
    second_ns = _seconds[second]
    if point:
        if len(_points) == SECONDS_KNOWN:
            _points.clear()
        _points[second + point] = second_ns
    return second_ns + _fraction_ns(fraction)


def _second_ns(text: str) -> int:
    if len(text) != len("2026-07-07T23:00:04") or text[10] != "T":
        raise ValueError(f"{text[:40]!r} is not written as 2026-07-07T23:00:04")
    second = datetime.fromisoformat(text)
    if second.tzinfo is not None:
        raise ValueError(f"{text!r} has an offset from UTC")
    return plausible((second - _EPOCH) // _SECOND * SECOND_NS)


def _fraction_ns(text: str) -> int:
    if len(text) > len("585581000") or not (text.isdecimal() or not text):
        raise ValueError(f"a second has no fraction .{text[:20]}")
    return int(text.ljust(9, "0"))
