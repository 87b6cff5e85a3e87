"""How events are written as InfluxDB's line protocol, and which time they are known by."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.timeseries.batch import fault_of, sift
from infrastructure.timeseries.line_protocol import ROOM_NS, line_of, millisecond_of, time_key
from market import Candle, Instrument, Quote
from tests.making import a_candle, a_gap, a_quote, a_trade

NOON = 1_790_000_000_123_000_000

codes = st.text(min_size=1, max_size=12).filter(lambda code: fault_of(a_gap(code)) is None)


def test_trade_is_written_with_its_true_time_in_a_field() -> None:
    trade = a_trade(number=42, price=32836.0, size=1e-8, at_ns=NOON + 456_789)

    line = line_of(trade)

    assert line == (
        b'trade,venue=kraken,base=BTC,quote_currency=USDT trade_id="42",side="buy",price=32836.0,'
        b"size=1e-08,backfilled=false,event_ns=1790000000123456789i,"
        b"received_ns=1790000000123456789i,sequence=42i 1790000000123000042"
    )


def test_quote_is_written_under_its_sequence() -> None:
    quote = a_quote(bid=99.5, at_ns=NOON, sequence=7_000_003)

    line = line_of(quote)

    assert line == (
        b"quote,venue=kraken,base=BTC,quote_currency=USDT bid=99.5,bid_size=1.0,ask=100.0,"
        b"ask_size=1.0,event_ns=1790000000123000000i,received_ns=1790000000123000000i,"
        b"sequence=7000003i 1790000000123000003"
    )


def test_candle_is_written_at_its_start() -> None:
    candle = a_candle(start_ns=60, close=101.0, trades=5)

    line = line_of(candle)

    assert line == (
        b"candle,venue=kraken,base=BTC,quote_currency=USDT,interval=1m open=100.0,high=101.0,"
        b"low=100.0,close=101.0,volume=5.0,trades=5i,closed=true,complete=true,event_ns=61i,"
        b"received_ns=61i,sequence=65i 60"
    )


def test_gap_is_written_at_its_start() -> None:
    gap = msgspec.structs.replace(a_gap(start_ns=5, end_ns=9), reason='lost "it" \\')

    line = line_of(gap)

    assert line == (
        b'gap,venue=kraken,base=BTC,quote_currency=USDT,channel=trade end_ns=9i,reason="lost '
        b'\\"it\\" \\\\",missing=-1i,event_ns=9i,received_ns=9i,sequence=9i 5'
    )


def test_separators_in_codes_are_escaped() -> None:
    quote = msgspec.structs.replace(a_quote(), instrument=Instrument("A B", "C,D=E"))

    line = line_of(quote)

    assert line.startswith(rb"quote,venue=kraken,base=A\ B,quote_currency=C\,D\=E bid=")


def test_whole_prices_stay_floats() -> None:
    quote = a_quote(bid=5)

    line = line_of(quote)

    assert b"bid=5.0," in line


@given(venue=codes, base=codes, quote_currency=codes)
def test_line_has_three_parts_whatever_the_codes(
    venue: str, base: str, quote_currency: str
) -> None:
    quote = msgspec.structs.replace(
        a_quote(), venue=venue, instrument=Instrument(base, quote_currency)
    )

    series, fields, time = re.split(r"(?<!\\) ", line_of(quote).decode())

    assert len(re.split(r"(?<!\\),", series)) == 4
    assert fields.startswith("bid=")
    assert time.isdecimal()


@given(at_ns=st.integers(0, 2**62), number=st.integers(0, 2**62))
def test_time_key_lies_in_the_millisecond_of_the_event(at_ns: int, number: int) -> None:
    for event in (a_trade(at_ns=at_ns, number=number), a_quote(at_ns=at_ns, sequence=number)):
        assert millisecond_of(time_key(event)) == millisecond_of(at_ns)


@given(number=st.integers(0, 2**62), apart=st.integers(1, ROOM_NS - 1))
def test_numbers_that_count_up_never_meet(number: int, apart: int) -> None:
    one, other = a_trade(at_ns=NOON, number=number), a_trade(at_ns=NOON, number=number + apart)

    assert time_key(one) != time_key(other)


def test_time_key_follows_the_trade_id_and_nothing_that_may_differ() -> None:
    live = a_trade(number=42, at_ns=NOON + 456_000)
    backfilled = msgspec.structs.replace(
        live, event_ns=NOON, received_ns=1, sequence=1, backfilled=True
    )

    assert time_key(live) == time_key(backfilled)


@pytest.mark.parametrize("trade_id", ["5e9f-00", "", "٣", "-1", "1.5", "x" * 10_000, "9" * 10_000])
def test_any_trade_id_has_a_time_key(trade_id: str) -> None:
    trade = msgspec.structs.replace(a_trade(at_ns=NOON), trade_id=trade_id)

    assert NOON <= time_key(trade) < NOON + ROOM_NS


def test_batch_keeps_the_last_of_each_and_the_fullest_candle() -> None:
    early, late = a_quote(bid=1.0, sequence=5), a_quote(bid=2.0, sequence=5)
    full, part = a_candle(trades=3), a_candle(trades=2)
    poison = a_trade(price=float("nan"))

    kept, refused = sift([early, full, poison, part, late])

    assert kept == {Quote: [late], Candle: [full]}
    assert refused == [(poison, "price cannot be nan")]
