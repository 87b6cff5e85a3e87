"""Numbers and times as the API writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_service.pages import read_cursor
from api_service.rows import computed, decimal, rfc3339
from api_service.times import LATEST_NS, read_time


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_decimal_reads_back_as_the_same_number_and_has_no_exponent(value: float) -> None:
    text = decimal(value)

    assert float(text) == value
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (1e-8, "0.00000001"), (1e22, "10000000000000000000000")]
)
def test_a_decimal_is_the_shortest_one(value: float, text: str) -> None:
    assert decimal(value) == text


def test_a_computed_figure_has_no_digits_that_only_floats_see() -> None:
    total = 0.1 + 0.2

    assert decimal(total) == "0.30000000000000004"
    assert decimal(computed(total)) == "0.3"


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_000_000_000, "1970-01-01T00:00:01Z"),
        (1_230_000_000, "1970-01-01T00:00:01.230Z"),
        (1_230_004_000, "1970-01-01T00:00:01.230004Z"),
        (1_230_004_005, "1970-01-01T00:00:01.230004005Z"),
    ],
)
def test_a_time_has_as_many_digits_as_it_needs(time_ns: int, text: str) -> None:
    assert rfc3339(time_ns) == text


@given(st.integers(0, LATEST_NS))
def test_a_time_that_was_written_reads_back_to_the_nanosecond(time_ns: int) -> None:
    assert read_time(rfc3339(time_ns), 0) == time_ns


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("now", 90_000_000_000),
        ("-1m", 30_000_000_000),
        ("-1d", 0),
        ("1970-01-02", 86_400_000_000_000),
        ("1970-01-01T00:01", 60_000_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01 00:00:00.5Z", 500_000_000),
        ("9999-12-31", LATEST_NS),
    ],
)
def test_a_time_may_be_written_as_people_do(text: str, time_ns: int) -> None:
    assert read_time(text, 90_000_000_000) == time_ns


@given(st.text(max_size=50))
def test_a_cursor_that_was_not_given_out_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="next"):
        read_cursor(text)
