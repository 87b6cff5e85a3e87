"""What every store promises (`infrastructure.timeseries.port`), held against both."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypedDict

import msgspec
import pytest

from infrastructure.timeseries.port import GapTerms, SignalTerms, Stored, TimeSeries
from market import (
    Book,
    Candle,
    Event,
    Gap,
    Instrument,
    PoisonousError,
    Premium,
    Quote,
    Signal,
    Summary,
    Trade,
    VenueCandle,
)
from tests.making import (
    MINUTE,
    SECOND,
    a_book,
    a_candle,
    a_gap,
    a_listed,
    a_premium,
    a_quote,
    a_signal,
    a_status,
    a_summary,
    a_trade,
    a_venue_candle,
    an_episode,
)

BTC = Instrument("BTC", "USDT")
NOON = 1_790_000_000 * SECOND - 1_790_000_000 * SECOND % MINUTE
LATER = NOON + 3_600 * SECOND
MILLISECOND = 1_000_000
MICROSECOND = 1_000

Kind: TypeAlias = type[Stored]
KINDS: list[Kind] = [Trade, Quote, Book, Candle, VenueCandle, Summary, Gap, Premium, Signal]


class When(TypedDict):
    """Which part of a series."""

    start_ns: int
    end_ns: int
    limit: int


def of(kind: Kind, number: int, *, venue: str = "kraken", instrument: str = "BTC-USDT") -> Stored:
    """Make the event of this kind that happens ``number`` minutes after noon."""
    at_ns = NOON + number * MINUTE
    make: dict[Kind, Callable[[], Stored]] = {
        Trade: lambda: a_trade(venue, instrument, number=number, at_ns=at_ns),
        Quote: lambda: a_quote(venue, instrument, at_ns=at_ns),
        Book: lambda: a_book(venue, instrument, at_ns=at_ns),
        Candle: lambda: a_candle(venue, instrument, start_ns=at_ns),
        VenueCandle: lambda: a_venue_candle(venue, instrument, start_ns=at_ns),
        Summary: lambda: a_summary(venue, instrument, at_ns=at_ns),
        Gap: lambda: a_gap(venue, instrument, start_ns=at_ns, end_ns=at_ns + SECOND),
        Premium: lambda: msgspec.structs.replace(a_premium(instrument, at_ns=at_ns), venue=venue),
        Signal: lambda: a_signal(venue, instrument, start_ns=at_ns - MINUTE),
    }
    return make[kind]()


async def read(
    store: TimeSeries,
    kind: Kind,
    *,
    series: tuple[str, Instrument] = ("kraken", BTC),
    start_ns: int = NOON,
    end_ns: int = LATER,
    limit: int = 100_000,
) -> list[Stored]:
    """Ask for one kind of event."""
    span: When = {"start_ns": start_ns, "end_ns": end_ns, "limit": limit}
    ask: dict[Kind, Callable[[], Awaitable[Sequence[Stored]]]] = {
        Trade: lambda: store.trades(*series, **span),
        Quote: lambda: store.quotes(*series, **span),
        Book: lambda: store.books(*series, **span),
        Candle: lambda: store.candles(*series, "1m", **span),
        VenueCandle: lambda: store.venue_candles(*series, "1m", **span),
        Summary: lambda: store.summaries(*series, **span),
        Gap: lambda: store.gaps(*series, **span),
        Premium: lambda: store.premiums(*series, **span),
        Signal: lambda: store.signals(
            SignalTerms(venues=[series[0]], instruments=[series[1]]), **span
        ),
    }
    return list(await ask[kind]())


async def test_what_comes_back_equals_what_was_written(store: TimeSeries) -> None:
    trade = a_trade(price=0.1 + 0.2, size=1e-9, at_ns=NOON + 123_456_789, backfilled=True)
    quote = a_quote(bid=1e22, ask=5e-324, bid_size=1 / 3, ask_size=0.0, at_ns=NOON + 987_654_321)
    candle = msgspec.structs.replace(a_candle(start_ns=NOON, trades=3), close=101.7, complete=False)
    gap = a_gap(start_ns=NOON + 7, end_ns=NOON + SECOND + 1)

    await store.write([trade, quote, candle, gap])

    assert await read(store, Trade) == [trade]
    assert await read(store, Quote) == [quote]
    assert await read(store, Candle) == [candle]
    assert await read(store, Gap) == [gap]


async def test_book_comes_back_with_all_levels_of_both_sides(store: TimeSeries) -> None:
    book = a_book(
        bids=[(0.1 + 0.2, 1 / 3), (0.25, 1e-9)], asks=[(1e17, 0.0)], at_ns=NOON + 123_456_789
    )
    one_sided = a_book(bids=[], at_ns=NOON + SECOND, sequence=book.sequence)

    await store.write([one_sided, book])

    assert await read(store, Book) == [book, one_sided]


async def test_the_greatest_numbers_come_back(store: TimeSeries) -> None:
    quote = msgspec.structs.replace(
        a_quote(ask=1.7976931348623157e308, at_ns=NOON), sequence=2**63 - 2_000_000, received_ns=0
    )

    await store.write([quote])

    assert await read(store, Quote) == [quote]


@pytest.mark.parametrize("kind", KINDS)
async def test_writing_twice_stores_once(store: TimeSeries, kind: Kind) -> None:
    events = [of(kind, number) for number in range(3)]

    await store.write([*events, *events])
    await store.write(events)

    assert await read(store, kind) == events


async def test_the_later_of_two_versions_stays(store: TimeSeries) -> None:
    live = a_trade(number=7, at_ns=NOON + 5 * MICROSECOND)
    again = msgspec.structs.replace(live, received_ns=LATER, sequence=8, backfilled=True)

    await store.write([live])
    await store.write([again])

    assert await read(store, Trade) == [again]


async def test_book_that_comes_again_is_one_however_late_it_was_received(
    store: TimeSeries,
) -> None:
    first, later = (a_book(at_ns=NOON + n * MILLISECOND, sequence=n) for n in (1, 2))
    again = msgspec.structs.replace(first, received_ns=LATER, sequence=3)

    await store.write([first, later])
    await store.write([again])

    assert await read(store, Book) == [again, later]


async def test_trade_whose_time_was_rounded_when_it_came_again_is_one(store: TimeSeries) -> None:
    live = a_trade(number=7, at_ns=NOON + SECOND + 5 * MILLISECOND)
    again = msgspec.structs.replace(live, event_ns=NOON + SECOND, backfilled=True)

    await store.write([live])
    await store.write([again])

    assert len(await read(store, Trade)) == 1


@pytest.mark.parametrize("step_ns", [0, 1, MICROSECOND])
async def test_trades_of_the_same_millisecond_all_stay(store: TimeSeries, step_ns: int) -> None:
    executions = [a_trade(number=n, at_ns=NOON + n * step_ns) for n in range(999_990, 1_000_010)]

    await store.write(executions)

    assert await read(store, Trade) == executions


async def test_trades_whose_ids_are_no_numbers_stay_apart(store: TimeSeries) -> None:
    executions = [
        msgspec.structs.replace(a_trade(number=n, at_ns=NOON), trade_id=f"5e9f-{n:02x}")
        for n in range(20)
    ]

    await store.write(executions)

    assert await read(store, Trade) == executions


@pytest.mark.parametrize("together", [True, False])
async def test_candle_with_fewer_trades_does_not_undo(store: TimeSeries, together: bool) -> None:  # noqa: FBT001  # a parameter
    whole = a_candle(start_ns=NOON, close=105.0, trades=5)
    part = a_candle(start_ns=NOON, close=103.0, trades=3)
    other = a_candle(start_ns=NOON + MINUTE, trades=1)

    await store.write([whole, part] if together else [whole])
    await store.write([part, other])

    assert await read(store, Candle) == [whole, other]


@pytest.mark.parametrize("together", [True, False])
async def test_candle_with_more_trades_replaces(store: TimeSeries, together: bool) -> None:  # noqa: FBT001  # a parameter
    part = a_candle(start_ns=NOON, close=103.0, trades=3)
    whole = a_candle(start_ns=NOON, close=105.0, trades=5)

    await store.write([part, whole] if together else [part])
    await store.write([whole])

    assert await read(store, Candle) == [whole]


async def test_candles_of_many_instruments_keep_their_trades_apart(store: TimeSeries) -> None:
    first = [a_candle("kraken", f"C{n}-USDT", start_ns=NOON, trades=n) for n in range(1, 6)]
    second = [a_candle("kraken", f"C{n}-USDT", start_ns=NOON, trades=3) for n in range(1, 6)]

    await store.write(first)
    await store.write(second)

    kept = [
        (await read(store, Candle, series=("kraken", candle.instrument)))[0] for candle in first
    ]
    assert [candle.trades for candle in kept if isinstance(candle, Candle)] == [3, 3, 3, 4, 5]


async def test_open_candles_are_not_returned(store: TimeSeries) -> None:
    closed = a_candle(start_ns=NOON)

    await store.write([closed, a_candle(start_ns=NOON + MINUTE, closed=False)])

    assert await read(store, Candle) == [closed]


async def test_candle_of_a_second_comes_back_and_is_corrected(store: TimeSeries) -> None:
    now_ns = time.time_ns() // SECOND * SECOND
    first, second = (a_candle(start_ns=now_ns + n * SECOND, interval="1s") for n in range(2))
    late = msgspec.structs.replace(first, close=101.0, high=101.0, trades=first.trades + 1)

    await store.write([first])
    await store.write([second])
    await store.write([late])
    await store.write([first])

    span = When(start_ns=now_ns, end_ns=now_ns + MINUTE, limit=10)
    assert await store.candles("kraken", BTC, "1s", **span) == [late, second]


async def test_candle_that_is_known_to_lack_trades_is_told_so(store: TimeSeries) -> None:
    whole = a_candle(start_ns=NOON)
    lacking = msgspec.structs.replace(whole, complete=False)

    await store.write([whole])
    await store.write([lacking])

    assert await read(store, Candle) == [lacking]


async def test_candle_of_another_interval_is_not_returned(store: TimeSeries) -> None:
    minute, hour = a_candle(start_ns=NOON), a_candle(start_ns=NOON, interval="1h", trades=9)

    await store.write([minute, hour])

    assert await read(store, Candle) == [minute]


async def test_what_is_not_told_comes_back_as_that(store: TimeSeries) -> None:
    summary = Summary(
        venue="kraken",
        instrument=BTC,
        symbol="XBT/USDT",
        last=0.5,
        name='비트코인 "1"',
        event_ns=NOON,
        received_ns=NOON,
        sequence=1,
    )
    candle = a_venue_candle(start_ns=NOON, trades=None)
    listed = a_listed(tick_size=None)
    gap = msgspec.structs.replace(a_gap(start_ns=NOON), missing=0)

    await store.write([summary, candle, listed, gap])

    assert await read(store, Summary) == [summary]
    assert await read(store, VenueCandle) == [candle]
    assert await read(store, Gap) == [gap]
    assert await store.listings() == [listed]


@pytest.mark.parametrize("together", [True, False])
async def test_closed_candle_of_the_venue_stays_over_an_open_one(
    store: TimeSeries,
    together: bool,  # noqa: FBT001  # a parameter
) -> None:
    closed = a_venue_candle(start_ns=NOON, close=101.0, closed=True)
    late = msgspec.structs.replace(a_venue_candle(start_ns=NOON), received_ns=LATER)

    await store.write([closed, late] if together else [closed])
    await store.write([late])

    assert await read(store, VenueCandle) == [closed]


@pytest.mark.parametrize("closed", [True, False])
async def test_of_two_candles_of_the_venue_the_later_received_stays(
    store: TimeSeries,
    closed: bool,  # noqa: FBT001  # a parameter
) -> None:
    early = a_venue_candle(start_ns=NOON, close=101.0, closed=closed)
    late = msgspec.structs.replace(early, close=102.0, received_ns=NOON + SECOND)

    await store.write([early])
    await store.write([late])
    await store.write([early])

    assert await read(store, VenueCandle) == [late]


async def test_the_last_terms_of_each_instrument_are_listed(store: TimeSeries) -> None:
    first, last = a_listed(at_ns=1), a_listed(at_ns=2, trading=False)
    others = [a_listed("binance", "ETH-USDT"), a_listed("binance", "BTC-USDT")]

    await store.write([last, *others])
    await store.write([first])

    assert await store.listings() == [*reversed(others), last]


async def test_statuses_of_the_whole_venue_come_back(store: TimeSeries) -> None:
    plain = msgspec.structs.replace(
        a_status(at_ns=NOON), reason='"new" one', resyncs=3, shard="2/4"
    )
    known = msgspec.structs.replace(
        a_status(state="down", at_ns=NOON + 1),
        latency_ms=0.5,
        clock_offset_ms=-1.0,
        clock_error_ms=0.0,
    )
    others = [a_status("upbit", at_ns=NOON), a_status(instrument="BTC-USDT", at_ns=NOON)]

    await store.write([known, plain, *others])
    await store.write([plain])

    found = await store.statuses("kraken", start_ns=NOON, end_ns=LATER, limit=10)
    assert list(found) == [plain, known]
    assert list(await store.statuses("kraken", start_ns=NOON, end_ns=LATER, limit=1)) == [known]


async def test_episodes_come_back_by_their_end_and_first_asset(store: TimeSeries) -> None:
    known = an_episode(opened_ns=NOON, closed_ns=NOON + 5)
    unknown = msgspec.structs.replace(
        an_episode("ETH", opened_ns=NOON, closed_ns=NOON + 7, reason='"the" end\\'),
        peak_profit_usd=None,
        type="cycle",
        mode="transfer",
    )
    later = an_episode(opened_ns=NOON + 6, closed_ns=NOON + SECOND)
    loss = msgspec.structs.replace(later, route_id="Z", peak_profit_usd=-1.0, peak_net_bps=-0.5)

    async def found(base: str | None = None, *, limit: int = 9, end_ns: int = LATER) -> list[Event]:
        return list(await store.episodes(base, start_ns=NOON, end_ns=end_ns, limit=limit))

    await store.write([later, unknown, known])
    await store.write([known, loss])

    assert await found() == [known, unknown, later, loss]
    assert await found("ETH") == [unknown]
    assert await found("BTC", end_ns=NOON + SECOND) == [known]
    assert await found(end_ns=NOON + 7) == [known]
    assert await found("'; DROP") == []
    assert await found(limit=3) == [unknown, later, loss]


async def test_many_episodes_of_one_moment_are_cut_by_route(store: TimeSeries) -> None:
    one = an_episode(closed_ns=NOON)
    together = [msgspec.structs.replace(one, route_id=f"I|{n:02}") for n in range(20)]
    await store.write(together[10:] + together[:10])

    found = await store.episodes(None, start_ns=NOON, end_ns=NOON + 1, limit=5)

    assert list(found) == together[-5:]


async def test_premiums_over_several_markets_stay_apart(store: TimeSeries) -> None:
    bank = msgspec.structs.replace(a_premium(basis="bank", at_ns=NOON), sequence=1)
    stable = msgspec.structs.replace(a_premium(premium=-0.25, at_ns=NOON), sequence=2)
    elsewhere = msgspec.structs.replace(bank, reference_venue="kraken", sequence=3)
    same = msgspec.structs.replace(
        bank, basis="same", rate=1.0, rate_source="", reference=bank.instrument, sequence=4
    )
    of_upbit = "upbit", Instrument("BTC", "KRW")

    await store.write([same, stable, bank, elsewhere])
    await store.write([bank])

    found = await store.premiums(*of_upbit, start_ns=NOON, end_ns=LATER, limit=10)
    newest = await store.premiums(*of_upbit, start_ns=NOON, end_ns=LATER, limit=1)
    assert list(found) == [bank, stable, elsewhere, same]
    assert list(newest) == [same]


async def test_gaps_of_all_instruments_are_found_by_venue_and_channel(store: TimeSeries) -> None:
    gaps = [
        a_gap("kraken", "BTC-USDT", start_ns=NOON),
        msgspec.structs.replace(a_gap("kraken", "ETH-USDT", start_ns=NOON + 1), channel="book"),
        a_gap("upbit", "BTC-KRW", start_ns=NOON + 2),
        a_gap("binance", "BTC-USDT", start_ns=NOON + 3),
    ]
    await store.write(gaps)

    async def found(limit: int = 10, **terms: Any) -> list[Gap]:
        meant = GapTerms(**terms)
        return list(await store.all_gaps(meant, start_ns=NOON, end_ns=NOON + 3, limit=limit))

    assert await found() == gaps[:3]
    assert await found(limit=2) == gaps[1:3]
    assert await found(venues={"kraken", "binance"}) == gaps[:2]
    assert await found(instruments={Instrument("BTC", "KRW"), BTC}) == [gaps[0], gaps[2]]
    assert await found(venues={"'; DROP"}) == []
    assert await found(instruments=[]) == []
    assert await found(venues=()) == []
    assert await found(venues={"kraken", "upbit"}, channel="trade") == [gaps[0], gaps[2]]


async def test_signals_are_found_by_what_they_say_and_who_says_it(store: TimeSeries) -> None:
    signals = [
        a_signal("binance", start_ns=NOON),
        msgspec.structs.replace(
            a_signal("kraken", strategy="own strategy", side="sell", start_ns=NOON), parameters=""
        ),
        a_signal("kraken", interval="5m", start_ns=NOON),
        msgspec.structs.replace(
            a_signal("upbit", "BTC-KRW", side="hold", start_ns=NOON), parameters="fast=9 slow=30"
        ),
        a_signal("kraken", start_ns=NOON + MINUTE),
        a_signal("kraken", start_ns=NOON + 2 * MINUTE),
    ]
    await store.write(signals)

    async def found(limit: int = 10, **terms: Any) -> list[Signal]:
        span: When = {"start_ns": NOON, "end_ns": NOON + 3 * MINUTE, "limit": limit}
        return list(await store.signals(SignalTerms(**terms), **span))

    assert await found() == signals[:5]
    assert await found(limit=2) == signals[3:5]
    assert await found(venues={"binance", "upbit"}) == [signals[0], signals[3]]
    assert await found(instruments={Instrument("BTC", "KRW")}) == [signals[3]]
    assert await found(strategies={"own strategy"}, sides=["sell", "hold"]) == [signals[1]]
    assert await found(sides=["sell", "hold"]) == [signals[1], signals[3]]
    assert await found(intervals=["5m"]) == [signals[2]]
    assert await found(parameters="") == [signals[1]]
    assert await found(parameters="fast=9 slow=30") == [signals[3]]
    assert await found(strategies=["'; DROP"]) == []
    assert await found(venues=[]) == []


async def test_signal_that_is_corrected_replaces_what_was_said_before(store: TimeSeries) -> None:
    said = a_signal(start_ns=NOON)
    corrected = msgspec.structs.replace(
        said, side="hold", target=0.0, values={"fast": 5e-324}, corrected=True
    )

    await store.write([said])
    await store.write([corrected])

    assert await read(store, Signal) == [corrected]


async def test_gaps_that_start_together_are_cut_by_venue(store: TimeSeries) -> None:
    gaps = [a_gap(venue, start_ns=NOON) for venue in ("binance", "kraken", "upbit")]
    await store.write([gaps[1], gaps[2], gaps[0]])

    found = await store.all_gaps(GapTerms(), start_ns=NOON, end_ns=NOON + 1, limit=2)

    assert list(found) == gaps[1:]


@pytest.mark.parametrize("kind", KINDS)
async def test_range_holds_its_start_and_not_its_end(store: TimeSeries, kind: Kind) -> None:
    events = [of(kind, number) for number in range(4)]
    await store.write(events)

    found = await read(store, kind, start_ns=NOON + MINUTE, end_ns=NOON + 3 * MINUTE)

    assert found == events[1:3]


async def test_range_cuts_within_a_millisecond(store: TimeSeries) -> None:
    executions = [a_trade(number=n, at_ns=NOON + n) for n in range(999_998, 1_000_003)]
    await store.write(executions)

    found = await read(store, Trade, start_ns=NOON + 999_999, end_ns=NOON + 1_000_001)

    assert found == executions[1:3]


@pytest.mark.parametrize(("start_ns", "end_ns"), [(NOON, NOON), (LATER, NOON)])
async def test_empty_range_holds_nothing(store: TimeSeries, start_ns: int, end_ns: int) -> None:
    await store.write([of(Trade, 0)])

    assert await read(store, Trade, start_ns=start_ns, end_ns=end_ns) == []


async def test_range_may_be_all_of_time(store: TimeSeries) -> None:
    await store.write([of(Trade, 0)])

    assert await read(store, Trade, start_ns=-(2**63), end_ns=2**63) == [of(Trade, 0)]


@pytest.mark.parametrize("kind", KINDS)
async def test_limit_returns_the_newest_oldest_first(store: TimeSeries, kind: Kind) -> None:
    events = [of(kind, number) for number in range(10)]
    await store.write(events[5:] + events[:5])

    found = await read(store, kind, limit=3)

    assert found == events[7:]


async def test_limit_that_cuts_through_a_millisecond_keeps_the_newest(store: TimeSeries) -> None:
    numbers = (7, 3, 9, 1, 5)
    executions = [
        a_trade(number=number, at_ns=NOON + order * MICROSECOND)
        for order, number in enumerate(numbers)
    ]
    await store.write(executions)

    found = await read(store, Trade, limit=2)

    assert found == executions[3:]


async def test_limit_below_one_is_refused(store: TimeSeries) -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        await read(store, Trade, limit=0)


@pytest.mark.parametrize("kind", KINDS)
async def test_other_venues_and_instruments_are_not_returned(store: TimeSeries, kind: Kind) -> None:
    ours = of(kind, 1)

    await store.write([ours, of(kind, 1, venue="upbit"), of(kind, 1, instrument="BTC-USD")])

    assert await read(store, kind) == [ours]


@pytest.mark.parametrize(
    "code", ["ビットコイン", "A B", "A,B=C", '"', "'; DROP MEASUREMENT trade", "$venue", "1e5"]
)
@pytest.mark.parametrize("kind", KINDS)
async def test_odd_codes_are_kept_apart(store: TimeSeries, kind: Kind, code: str) -> None:
    odd = Instrument(code, code)
    plain = of(kind, 1)
    event = msgspec.structs.replace(plain, venue=code, instrument=odd)

    await store.write([plain, event])

    assert await read(store, kind, series=(code, odd)) == [event]
    assert await read(store, kind) == [plain]


@pytest.mark.parametrize("reason", ["", 'a "b" \\', "two\nlines", "gap,venue=x y=1 1", "끊김 🙈"])
async def test_any_text_comes_back(store: TimeSeries, reason: str) -> None:
    gap = msgspec.structs.replace(a_gap(start_ns=NOON), reason=reason)

    await store.write([gap])

    assert await read(store, Gap) == [gap]


async def test_nothing_written_stores_nothing(store: TimeSeries) -> None:
    await store.write([])

    assert [await read(store, kind) for kind in KINDS] == [[] for _ in KINDS]
    assert await store.listings() == []
    assert await store.all_gaps(GapTerms(), start_ns=0, end_ns=LATER, limit=10) == []


async def test_twenty_thousand_trades_go_in_at_once(store: TimeSeries) -> None:
    executions = [a_trade(number=n, at_ns=NOON + n * MILLISECOND) for n in range(20_000)]

    await store.write(executions)

    assert await read(store, Trade) == executions


async def test_what_is_read_is_true_while_more_is_written(store: TimeSeries) -> None:
    executions = [a_trade(number=n, at_ns=NOON + n * MILLISECOND) for n in range(2_000)]
    parts = [executions[start : start + 200] for start in range(0, 2_000, 200)]

    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            tasks.create_task(store.write(part))
        readers = [tasks.create_task(read(store, Trade)) for _ in range(10)]

    written = set(executions)
    assert all(written.issuperset(reader.result()) for reader in readers)
    assert await read(store, Trade) == executions


async def test_probe_passes_again_and_again_and_leaves_the_events_alone(store: TimeSeries) -> None:
    await store.write([of(Trade, 1)])

    await store.probe()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(store.probe())

    assert await read(store, Trade) == [of(Trade, 1)]


POISON: list[tuple[Stored, str]] = [
    (a_trade(number=2, price=math.nan, at_ns=NOON), "price cannot be nan"),
    (a_quote(bid=-math.inf, at_ns=NOON), "bid cannot be -inf"),
    (msgspec.structs.replace(a_gap(start_ns=NOON), end_ns=2**63), "end_ns cannot be 922337"),
    (msgspec.structs.replace(a_candle(start_ns=NOON), interval=""), "interval cannot be ''"),
    (msgspec.structs.replace(a_candle(start_ns=NOON), trades=None), "trades cannot be None"),
    (msgspec.structs.replace(a_summary(at_ns=NOON), high=-1.0), "high cannot be -1.0"),
    (a_summary(last=math.inf, at_ns=NOON), "last cannot be inf"),
    (msgspec.structs.replace(a_listed(), lot_size=math.nan), "lot_size cannot be nan"),
    (msgspec.structs.replace(a_gap(start_ns=NOON), missing=-1), "missing cannot be -1"),
    (msgspec.structs.replace(an_episode(), peak_net_bps=math.nan), "peak_net_bps cannot be nan"),
    (msgspec.structs.replace(an_episode(), route_id="a\nb"), r"route_id cannot be 'a\\nb'"),
    (a_book(bids=[(99.0, math.nan)], at_ns=NOON), "bids cannot be"),
    (a_premium(premium=math.inf), "premium cannot be inf"),
    (msgspec.structs.replace(a_signal(), values={"rsi": math.nan}), "values cannot be"),
    (msgspec.structs.replace(a_quote(at_ns=NOON), venue="a\nb"), r"venue cannot be 'a\\nb'"),
    (msgspec.structs.replace(a_trade(at_ns=NOON), trade_id="\ud800"), "trade_id cannot be"),
    (msgspec.structs.replace(a_trade(at_ns=NOON), instrument=Instrument("", "X")), "instrument"),
]


@pytest.mark.parametrize(("poison", "why"), POISON)
async def test_poisonous_event_is_named_and_its_neighbours_are_stored(
    store: TimeSeries, poison: Stored, why: str
) -> None:
    before, after = of(Trade, 1), of(Trade, 3)

    with pytest.raises(ValueError, match=why) as caught:
        await store.write([before, poison, after])

    assert isinstance(caught.value, PoisonousError)
    assert [event for event, _ in caught.value.reasons] == [poison]
    assert await read(store, Trade) == [before, after]
