"""Rows of an answer that can be read, those that cannot, and what is made when it is met."""

import msgspec
import pytest

from stream_service.keyed import Keyed
from stream_service.rows import readable, readable_rows

numbers = msgspec.json.Decoder(int)
lists_of_numbers = msgspec.json.Decoder(list[int])


def raw(*rows: bytes) -> list[msgspec.Raw]:
    return [msgspec.Raw(row) for row in rows]


def test_a_row_that_cannot_be_read_costs_no_other() -> None:
    assert readable(raw(b"1", b'"two"', b"3"), numbers) == [1, 3]


def test_no_rows_are_no_error() -> None:
    assert readable([], numbers) == []


def test_where_no_row_can_be_read_the_first_fault_is_told() -> None:
    with pytest.raises(ValueError, match="no row can be read: Expected `int`, got `str`"):
        readable(raw(b'"one"', b"{"), numbers)


def test_a_body_is_read_at_once_or_row_by_row() -> None:
    assert readable_rows(lists_of_numbers, b"[1,2]") == [1, 2]
    assert readable_rows(lists_of_numbers, b'[1,"two"]') == [1]


def test_what_is_kept_by_symbol_is_made_once() -> None:
    made: list[str] = []

    def make(symbol: str) -> int:
        made.append(symbol)
        return len(symbol)

    keyed = Keyed(make)

    assert (keyed["BTC"], keyed["BTC"], made) == (3, 3, ["BTC"])


def test_of_a_symbol_that_nobody_knows_nothing_is_kept() -> None:
    keyed: Keyed[int] = Keyed({"BTC": 1}.__getitem__)

    with pytest.raises(KeyError, match="NOPE"):
        keyed["NOPE"]

    assert "NOPE" not in keyed
