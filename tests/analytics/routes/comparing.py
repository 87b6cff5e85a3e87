"""Two answers to one state held together: numbers to nine digits, all else to the letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from tests.analytics.routes.answered import Route

CLOSE = Fraction(1, 10**9)


def differences(expected: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    """Return what differs, one sentence each."""
    return _differences("", _plain(expected), _plain(found))


def _plain(value: object) -> object:
    """Return routes as rows, texts of numbers as numbers."""
    match value:
        case Route():
            size, out, profit, *executable = map(str, value.figures)
            put, got, earned = executable
            return _plain(
                {
                    "id": value.id,
                    "legs": value.legs,
                    "top_rate": str(value.top_rate),
                    "start": value.id.split("|")[1].split(">")[0].split(":")[1],
                    "size": size,
                    "out": out,
                    "profit": profit,
                    "executable": {"in": put, "out": got, "profit": earned},
                    "profit_usd": str(value.profit_usd),
                    "age_ms": value.age_ms,
                    "skew_ms": value.skew_ms,
                }
            )
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case str():
            return _number(value)
        case Sequence():
            return [_plain(one) for one in value]
        case _:
            return value


def _number(text: str) -> object:
    try:
        return Fraction(text)
    except ValueError:
        return text


def _differences(place: str, expected: object, found: object) -> list[str]:
    if isinstance(expected, Fraction) and isinstance(found, Fraction):
        is_close = abs(expected - found) <= CLOSE * max(abs(expected), abs(found))
        return [] if is_close else [f"{place} is {float(found)}, not {float(expected)}"]
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        keys = [*expected, *(key for key in found if key not in expected)]
        pairs = [(f"{place}.{key}", expected.get(key), found.get(key)) for key in keys]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [
            (f"{place}[{i}]", one, other)
            for i, (one, other) in enumerate(zip(expected, found, strict=True))
        ]
    else:
        return [] if expected == found else [f"{place} is {found}, not {expected}"]
    return [difference for pair in pairs for difference in _differences(*pair)]
