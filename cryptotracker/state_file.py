"""A state of the markets as JSON in, its rows out, or a sentence that says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TypeVar

import msgspec

from cryptotracker.state_rows import StateFile, VenueRow
from market import CryptoTrackerError

DIGITS = 100
"""A number has no more, before or after the point."""

_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<place>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `(\w+)(?: \| null)?`, got `.*`")
_WRITE = {
    "int": "a whole number",
    "str": "text, in quotes",
    "bool": "true or false",
    "array": "a list, in []",
    "object": "an object, in {}",
}

T = TypeVar("T")


class StateError(CryptoTrackerError):
    """A file does not describe a state; the text names field, value and remedy."""


def read_state(text: bytes) -> StateFile:
    """Read a file.

    Raises:
        StateError: it is not JSON, or no state; the text names field, value and remedy.

    """
    try:
        written = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise StateError(f"is not JSON: {error}: mend it, or leave it out") from error
    return state_of(written)


def state_of(written: object) -> StateFile:
    """Read a state that was decoded already.

    Raises:
        StateError: as `read_state`.

    """
    if not isinstance(written, Mapping):
        raise StateError("is not a JSON object: see docs/ROUTES.md for the form of a state")
    for name, kind in (("venues", VenueRow), ("usd", Fraction)):
        _convert_each(name, written.get(name), kind)
    for venue, tickers in _items(written.get("aliases")):
        _convert_each(f"aliases.{venue}", tickers, str)
    state = _converted("", {key: one for key, one in written.items() if one is not None}, StateFile)
    _check(state)
    return state


def _convert_each(place: str, section: object, kind: type) -> None:
    """Try each entry by itself, as a complaint of all of them would not name the key."""
    for key, value in _items(section):
        _converted(f"{place}.{key}", value, kind)


def _items(section: object) -> Iterable[tuple[str, object]]:
    return section.items() if isinstance(section, Mapping) else ()


def _converted(place: str, value: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind, dec_hook=_fraction)
    except msgspec.ValidationError as error:
        raise StateError(_complaint(place, value, str(error))) from error


def _complaint(place: str, value: object, error: str) -> str:
    found = _PLACE.fullmatch(error)
    what, below = (found["what"], found["place"] or "") if found else (error, "")
    where = (place + below).lstrip(".")
    if missing := _MISSING.fullmatch(what):
        return f"{f'{where}.{missing[1]}'.lstrip('.')} is missing: add it"
    if expected := _EXPECTED.fullmatch(what):
        what = f"write {_WRITE.get(expected[1], expected[1])}"
    return f"{where} is {_at(value, below)}: {what}"


def _at(value: object, place: str) -> str:
    """Return what is written at a place such as ``.books[0].bids[1]``."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", place):
        match value:
            case Mapping():
                value = value.get(name)
            case list() if index:
                value = value[int(index)]
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= DIGITS else f"{text[:DIGITS]}…"


def _fraction(kind: type, written: object) -> Fraction:
    """Read a number, exactly.

    Raises:
        ValueError: it is none, or too large or small to be one of a market.

    """
    if (
        kind is not Fraction
        or isinstance(written, bool)
        or not isinstance(written, str | int | float)
    ):
        raise ValueError('write a number, as a string: "0.25"')
    try:
        number = Decimal(str(written))
    except InvalidOperation as error:
        raise ValueError('write it as a decimal number: "0.25"') from error
    if (
        not number.is_finite()
        or abs(number.adjusted()) > DIGITS
        or len(number.as_tuple()[1]) > DIGITS
    ):
        raise ValueError(f"write a finite number of at most {DIGITS} digits")
    return Fraction(number)


def _check(state: StateFile) -> None:
    """Refuse what has the right form and makes no sense.

    Raises:
        StateError: the text names field, value and remedy.

    """
    config = state.config
    if config.mode not in {"inventory", "transfer"}:
        raise StateError(f'config.mode is "{config.mode}": it may be "inventory" or "transfer"')
    for name in ("max_age_ms", "max_skew_ms", "max_return", "max_capital_usd"):
        _at_least_zero(f"config.{name}", getattr(config, name))
    for venue, row in state.venues.items():
        if not 0 <= row.taker_fee < 1:
            raise StateError(
                f"venues.{venue}.taker_fee is {float(row.taker_fee):g}: "
                'it is a fraction of what a trade pays out, "0.001" for 0.1 %'
            )
    for asset, usd in state.usd.items():
        if usd <= 0:
            raise StateError(f"usd.{asset} is {float(usd):g}: leave it out if it is not known")
    _check_books(state)
    for i, transfer in enumerate(state.transfers):
        _at_least_zero(f"transfers[{i}].fee", transfer.fee)
        _at_least_zero(f"transfers[{i}].min", transfer.min)


def _check_books(state: StateFile) -> None:
    for i, book in enumerate(state.books):
        if book.venue not in state.venues:
            raise StateError(
                f'books[{i}].venue is "{book.venue}", whose fee is not known: '
                f"add venues.{book.venue}.taker_fee"
            )
        _at_least_zero(f"books[{i}].min_notional", book.min_notional)
        _at_least_zero(f"books[{i}].lot", book.lot)


def _at_least_zero(place: str, number: Fraction | int | None) -> None:
    if number is not None and number < 0:
        raise StateError(f"{place} is {float(number):g}: it may not be below zero")
