"""What every store tells an archive (`infrastructure.timeseries.past`), held against both."""

from infrastructure.archive.kinds import KINDS
from infrastructure.archive.rows import maker
from infrastructure.timeseries.past import Held, Store
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import SecondCandle, columns_of
from market import Candle, Episode, Trade, VenueStatus
from tests.archive.making import kept_kind, of_every_kind
from tests.making import (
    MINUTE,
    SECOND,
    a_candle,
    a_status,
    a_trade,
    an_episode,
)

DAY = 86_400 * SECOND
MIDNIGHT = 1_790_000_000 * SECOND - 1_790_000_000 * SECOND % DAY
NEXT = MIDNIGHT + DAY


async def all_of(store: Store, kind: type[Stored], venue: str) -> list[Stored]:
    make = maker(kind, columns_of(kind))
    told = store.rows(kind, venue, start_ns=MIDNIGHT, end_ns=NEXT)
    return [make(row) async for rows in told for row in rows]


async def test_rows_are_all_that_happened_in_the_range(store: Store) -> None:
    first, last, after = (of_every_kind(ns) for ns in (MIDNIGHT, NEXT - MINUTE, NEXT))
    await store.write([*first, *last, *after])

    for kind in KINDS:
        found = await all_of(store, kind, "kraken")
        meant = [one for one in (*first, *last) if kept_kind(one) is kind]
        assert sorted(found, key=lambda one: one.event_ns) == meant


async def test_what_is_held_counts_rows_by_series(store: Store) -> None:
    await store.write(
        [
            a_candle(start_ns=MIDNIGHT),
            a_candle(start_ns=MIDNIGHT + MINUTE),
            a_candle(start_ns=MIDNIGHT, interval="1h"),
            a_candle("upbit", "BTC-KRW", start_ns=MIDNIGHT),
            a_candle(start_ns=NEXT),
            a_candle(start_ns=MIDNIGHT + 2 * MINUTE, closed=False),
            a_candle(start_ns=MIDNIGHT, interval="1s"),
        ]
    )

    assert await store.held(Candle, start_ns=MIDNIGHT, end_ns=NEXT) == [
        Held("kraken", "BTC", "USDT", "1h", 1, MIDNIGHT + 1),
        Held("kraken", "BTC", "USDT", "1m", 2, MIDNIGHT + MINUTE + 1),
        Held("upbit", "BTC", "KRW", "1m", 1, MIDNIGHT + 1),
    ]


async def test_candles_of_a_second_are_a_kind_of_their_own(store: Store) -> None:
    first, second = (a_candle(start_ns=MIDNIGHT + n * SECOND, interval="1s") for n in range(2))
    ticking = a_candle(start_ns=MIDNIGHT + 2 * SECOND, interval="1s", closed=False)
    await store.write([second, a_candle(start_ns=MIDNIGHT)])
    await store.write([first, ticking])

    found = await all_of(store, SecondCandle, "kraken")

    assert await store.held(SecondCandle, start_ns=MIDNIGHT, end_ns=NEXT) == [
        Held("kraken", "BTC", "USDT", "1s", 2, second.received_ns)
    ]
    assert sorted(found, key=lambda one: one.event_ns) == [first, second]


async def test_what_is_of_no_venue_is_one_series(store: Store) -> None:
    lives = [an_episode("BTC", closed_ns=MIDNIGHT), an_episode("ETH", closed_ns=MIDNIGHT)]
    await store.write(lives)

    assert await store.held(Episode, start_ns=MIDNIGHT, end_ns=NEXT) == [
        Held("", "", "", "", 2, MIDNIGHT)
    ]
    assert len(await all_of(store, Episode, "")) == len(lives)


async def test_status_of_a_whole_venue_is_of_no_market(store: Store) -> None:
    await store.write([a_status(at_ns=MIDNIGHT)])

    (held,) = await store.held(VenueStatus, start_ns=MIDNIGHT, end_ns=NEXT)

    assert (held.venue, held.base, held.quote_currency) == ("kraken", "", "")


async def test_rows_of_another_venue_are_left_out(store: Store) -> None:
    await store.write([a_trade("upbit", at_ns=MIDNIGHT), a_trade(at_ns=MIDNIGHT)])

    assert await all_of(store, Trade, "upbit") == [a_trade("upbit", at_ns=MIDNIGHT)]


async def test_more_rows_than_a_batch_come_once_each(store: Store) -> None:
    trades = [a_trade(number=n, at_ns=MIDNIGHT + n * 1_000_003) for n in range(25_000)]
    await store.write(trades)

    found = await all_of(store, Trade, "kraken")

    assert sorted(found, key=lambda one: one.event_ns) == trades


async def test_oldest_is_the_time_of_the_first(store: Store) -> None:
    assert await store.oldest(Trade) is None

    await store.write([*of_every_kind(NEXT), *of_every_kind(MIDNIGHT)])

    for kind in KINDS:
        oldest_ns = await store.oldest(kind) or 0
        later_ns = await store.oldest(kind, since_ns=MIDNIGHT + MINUTE) or 0
        assert 0 <= MIDNIGHT - oldest_ns < SECOND / 1_000
        assert 0 <= NEXT - later_ns < SECOND / 1_000


async def test_nothing_is_before_the_oldest_whatever_its_number(store: Store) -> None:
    """A point may be later than its trade, which must not be left out for that."""
    await store.write([a_trade(number=123_456, at_ns=MIDNIGHT + 1_500)])

    oldest_ns = await store.oldest(Trade)

    assert oldest_ns is not None
    assert MIDNIGHT <= oldest_ns <= MIDNIGHT + 1_500
