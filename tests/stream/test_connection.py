"""The connection of every venue, over real sockets to its simulated exchange."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from market import Book, Gap, Instrument, Listed, Quote, Trade, VenueStatus
from stream_service import connection as connections
from stream_service.connection import VenueConnection
from stream_service.letters import LETTERS_WAITING
from stream_service.rhythm import StreamWatch
from stream_service.transport import TransportName, installed_transports
from stream_service.venue import Venue
from tests.making import SECOND
from tests.servers.certificates import a_certificate
from tests.stream.running import VENUES, Running, running_venue
from tests.waiting import eventually

FIVE = tuple(Instrument(base, "USD") for base in ("BTC", "ETH", "SOL", "XRP", "ADA"))


@pytest.fixture
async def five() -> AsyncIterator[Running]:
    """Yield a venue that lists five instruments."""
    async with running_venue(VENUES["kraken"], FIVE) as running:
        yield running


async def test_quotes_trades_and_books_are_published(running: Running) -> None:
    with running.connected():
        await running.moved(
            lambda: {type(e) for e in running.heard} >= {Quote, Trade, Book, Listed}
        )

    assert {row.instrument for row in running.of(Listed)} == set(running.instruments)


async def test_every_trade_is_published_once_over_hang_ups(running: Running) -> None:
    with running.connected():
        await running.flows()
        running.told.clear()
        for _ in range(3):
            running.move()
            await running.served.hang_up(running.name)
            running.move()  # while nobody listens
            await running.live()
            await running.complete()

    assert not running.twice()
    assert not running.of(Gap)


async def test_trades_that_rest_no_longer_has_are_told_as_a_gap(running: Running) -> None:
    with running.connected():
        await running.flows()
        running.told.clear()
        await running.served.hang_up(running.name)
        running.move(50)
        running.world.markets[running.name].forget_trades()
        await running.live()

        await running.moved(lambda: running.of(Gap))
        await running.complete()

    gap = running.of(Gap)[0]
    assert gap.channel == "trade"
    assert gap.start_ns < gap.end_ns


async def test_a_venue_that_hangs_up_is_down_until_it_is_back(running: Running) -> None:
    with running.connected():
        await running.live()
        await running.served.hang_up(running.name)

        await eventually(lambda: "down" in {status.state for status in running.statuses})
        await running.live()

    assert all(status.reason for status in running.statuses if status.state == "down")


@pytest.mark.parametrize("name", [name for name in VENUES if name != "kucoin"])
async def test_a_venue_without_rest_is_streamed_as_before(name: str) -> None:
    """KuCoin is none of them: its REST interface gives the token that its stream asks for."""
    async with running_venue(VENUES[name]) as running:
        with running.connected():
            await running.live()
            running.served.without_rest.add(running.name)
            await running.served.hang_up(running.name)

            await eventually(lambda: "down" in {status.state for status in running.statuses})
            await running.live()


async def test_a_silent_venue_is_hung_up_on(running: Running) -> None:
    with running.connected(max_silence_s=0.4):
        await running.live()
        running.served.silent.add(running.name)

        await eventually(lambda: running.said("nothing heard"))
        running.served.silent.clear()
        await running.live()


async def test_what_a_connection_missed_as_it_took_over_is_asked_for() -> None:
    async with running_venue(VENUES["okx"]) as running:
        with running.connected(lifetime_s=1.0):
            await running.flows()
            await running.moved(lambda: running.served.accepted["okx"] >= 3)
            unheard = [
                event
                for event in running.world.step(time.time_ns(), 10)
                if isinstance(event, Trade)
            ]

            await running.moved(
                lambda: (
                    {one.trade_id for one in unheard}
                    <= {one.trade_id for one in running.of(Trade) if one.backfilled}
                )
            )

        assert unheard
        assert not running.of(Gap)


async def test_the_next_connection_takes_over_before_the_venue_ends_this_one(
    running: Running,
) -> None:
    with running.connected(lifetime_s=0.5):
        await running.flows()
        most = 0

        def has_changed_twice() -> bool:
            nonlocal most
            most = max(most, running.served.clients(running.name))
            return running.served.accepted[running.name] >= 3

        await running.moved(has_changed_twice)
        running.move()
        await running.complete()

    assert not running.twice()
    assert not running.of(Gap)
    if running.served.venue(running.name).connections_at_most != 1:
        assert most > 1
    assert "down" not in {status.state for status in running.of(VenueStatus)}


class JumpingClock:
    """Tells the time until it jumps."""

    def __init__(self, jump_ns: int) -> None:
        self.jump_ns = jump_ns
        self.has_jumped = False

    def __call__(self) -> int:
        return time.time_ns() + self.jump_ns * self.has_jumped


async def test_silence_is_noticed_though_the_clock_was_set_back(kraken: Running) -> None:
    clock = JumpingClock(-3_600 * SECOND)
    venue = msgspec.structs.replace(kraken.served.venue("kraken"), max_silence_s=0.4)
    connection = VenueConnection(venue, kraken.instruments, kraken.bus, clock=clock)
    task = asyncio.create_task(connection.run())
    await kraken.live()

    kraken.served.silent.add("kraken")
    clock.has_jumped = True

    await eventually(lambda: kraken.said("nothing heard"))
    task.cancel()


@pytest.mark.parametrize("jump_s", [-7_200, 7_200])
@pytest.mark.parametrize("name", ["bitstamp", "kraken", "kucoin"])
async def test_events_are_believed_again_soon_after_our_clock_was_set(
    name: str, jump_s: int
) -> None:
    clock = JumpingClock(jump_s * SECOND)
    async with running_venue(VENUES[name]) as running:
        venue = running.served.venue(name)
        connection = VenueConnection(venue, running.instruments, running.bus, clock=clock)
        task = asyncio.create_task(connection.run())
        await running.flows()

        clock.has_jumped = True
        await running.moved(lambda: running.served.clients(name) and connection.intake.times_set)
        await running.moved(lambda: connection.intake.venue_clock.error_ns is not None)
        await running.moved(lambda: running.served.accepted[name] == 2)
        running.heard.clear()
        running.told.clear()
        running.move(20)
        await running.complete()
        task.cancel()

    assert len(running.of(Trade)) >= len(running.told) > 0
    assert not running.twice()


async def test_a_bus_that_holds_back_is_not_the_silence_of_the_venue(kraken: Running) -> None:
    with kraken.connected(max_silence_s=0.1) as connection:
        connection.intake.watch = StreamWatch(first_frame_s=0.2)
        await kraken.flows()
        kraken.bus.runs.clear()
        await kraken.moved(lambda: kraken.bus.held)

        with pytest.raises(TimeoutError):
            await eventually(lambda: connection.pulse.reconnects, within_s=1.5)
        kraken.bus.runs.set()
        await kraken.complete()

    assert not kraken.twice()
    assert {status.state for status in kraken.of(VenueStatus)} == {"connecting", "live"}


async def test_trades_that_the_bus_did_not_take_come_with_the_next_run(kraken: Running) -> None:
    connection = kraken.connection()
    cut_off = asyncio.create_task(connection.run())
    await kraken.live()
    kraken.bus.runs.clear()
    await kraken.moved(lambda: kraken.bus.held)
    cut_off.cancel()
    await asyncio.wait([cut_off])
    kraken.bus.runs.set()

    again = asyncio.create_task(connection.run())
    await kraken.complete()

    again.cancel()
    assert not kraken.twice()


async def test_trades_of_the_time_of_a_restart_are_asked_for_or_told(
    running: Running, tmp_path: Path
) -> None:
    with running.connected(state=tmp_path):
        await running.flows()
        await running.complete()
    await eventually(lambda: not running.served.clients(running.name))
    running.heard.clear()
    running.told.clear()
    running.move(20)

    with running.connected(state=tmp_path):
        await running.complete()

    assert not running.twice()
    assert running.of(Gap) or any(trade.backfilled for trade in running.of(Trade))


async def test_trades_of_the_time_of_a_restart_that_are_lost_are_told(
    running: Running, tmp_path: Path
) -> None:
    with running.connected(state=tmp_path):
        await running.flows()
        await running.complete()
    await eventually(lambda: not running.served.clients(running.name))
    running.heard.clear()
    running.told.clear()
    running.move(20)
    running.world.markets[running.name].forget_trades()

    with running.connected(state=tmp_path):
        await running.moved(lambda: running.of(Gap))
        await running.complete()


async def test_the_first_trade_of_an_instrument_is_found_though_it_came_while_we_were_away(
    running: Running,
) -> None:
    with running.connected() as connection:
        every = set(running.instruments)
        await eventually(lambda: connection.intake.greeted == every)
        assert not running.of(Trade)
        await running.served.hang_up(running.name)
        running.move(50)

        await running.complete()

    assert not running.twice()


async def test_instruments_are_parted_among_connections(five: Running) -> None:
    with five.connected(instruments_at_most=2):
        await five.flows()

        assert five.served.clients("kraken") == 3


async def test_a_part_that_is_lost_troubles_its_own_instruments_only(five: Running) -> None:
    with five.connected(instruments_at_most=2):
        await five.flows()
        before = len(five.heard)
        await five.served.hang_up("kraken", at_most=1)
        await five.moved(lambda: sum("live" in five.states(one) for one in FIVE))
        await five.complete()

    told = [event for event in five.heard[before:] if isinstance(event, VenueStatus)]
    down = {status.instrument for status in told if status.state == "down"}
    assert None not in down
    assert 1 <= len(down) <= 2
    assert {status.instrument for status in told if status.instrument} == down
    assert not five.of(Gap)


async def test_an_instrument_that_is_halted_is_refused_and_a_new_one_is_followed(
    five: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LISTED_EVERY_S", 0.1)
    market = five.world.markets["kraken"]
    listings = list(market.listings)
    halted, new = FIVE[0], FIVE[-1]
    market.listings = listings[:-1]
    with five.connected(*FIVE):
        await five.live()
        assert new not in {row.instrument for row in five.of(Listed)}

        rest = [msgspec.structs.replace(row, trading=row.instrument != halted) for row in listings]
        market.listings = rest
        await five.moved(lambda: new in {quote.instrument for quote in five.of(Quote)})

        assert five.states(halted) == ["refused"]
        assert not [row for row in five.of(Listed) if row.instrument == halted][-1].trading
        market.listings = listings
        await five.moved(lambda: five.states(halted) == ["refused", "live"])
    assert "down" not in {status.state for status in five.of(VenueStatus)}


async def test_no_trade_is_lost_when_instruments_move_to_other_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "LISTED_EVERY_S", 0.1)
    async with running_venue(VENUES["bitstamp"], FIVE) as five:  # no number shows what is missing
        market = five.world.markets["bitstamp"]
        halted, *others = market.listings
        five.move(100)
        with five.connected(instruments_at_most=2, connect_interval_s=0.5):
            await five.moved(
                lambda: len({one.instrument for one in five.of(Trade) if one.backfilled}) == 5
            )
            five.told.clear()

            market.listings = [msgspec.structs.replace(halted, trading=False), *others]
            await five.moved(lambda: five.states(halted.instrument) == ["refused"])
            await five.moved(lambda: five.served.accepted["bitstamp"] == 5)
            await five.moved(lambda: five.served.clients("bitstamp") == 2)
            five.told = [one for one in five.told if one.instrument != halted.instrument]
            await five.complete()

        assert not five.twice()


async def test_an_instrument_without_a_first_frame_is_stale_by_name() -> None:
    venue = VENUES["kraken"]
    is_muted = True

    class Muted(venue.exchange_side):  # type: ignore[misc, name-defined]  # the venue's own class
        """Says nothing of BTC."""

        def post(self, frame: bytes) -> None:
            if not (is_muted and b"BTC" in frame):
                super().post(frame)

    muted = msgspec.structs.replace(venue, exchange_side=Muted)
    btc, xrp = Instrument("BTC", "USD"), Instrument("XRP", "USD")
    async with running_venue(muted, [btc, xrp]) as running:
        connection = running.connection()
        connection.intake.watch = StreamWatch(first_frame_s=0.3)
        task = asyncio.create_task(connection.run())

        await running.moved(lambda: running.states(btc) == ["stale"])
        is_muted = False
        await running.moved(lambda: running.states(btc) == ["stale", "live"])
        task.cancel()

    assert running.said("no first frame")
    assert not running.states(xrp)


async def test_a_book_of_one_side_is_stale_until_it_has_two(kraken: Running) -> None:
    instrument = kraken.instruments[0]
    with kraken.connected(instrument):
        await kraken.live()
        book = kraken.world.markets["kraken"].book(instrument)
        one_sided = msgspec.structs.replace(book, asks=(), sequence=book.sequence + 1)
        kraken.served.tell(one_sided)
        await eventually(lambda: kraken.states(instrument) == ["stale"])

        kraken.served.tell(msgspec.structs.replace(book, sequence=book.sequence + 2))
        await eventually(lambda: kraken.states(instrument) == ["stale", "live"])

    assert kraken.said("the book has no asks")


async def test_what_cannot_be_read_is_put_aside_with_the_reason(running: Running) -> None:
    garbage = b'{"channel":"trade","data":[{"price":"NaN"}]'
    with running.connected():
        await running.live()
        running.served.send_raw(running.name, garbage)
        await running.live()
        await eventually(lambda: any(status.refused == 1 for status in running.statuses))

    [letter] = await running.bus.dead_letters(10)
    assert letter.body == garbage
    assert letter.reason
    assert letter.mailbox == f"stream.{running.name}"
    assert running.state == "live"


async def test_what_waits_to_be_put_aside_is_bounded(kraken: Running) -> None:
    kraken.bus.is_away = True
    with kraken.connected() as connection:
        await kraken.live()
        for _ in range(LETTERS_WAITING + 50):
            kraken.served.send_raw("kraken", b"[[[[")
        await eventually(lambda: connection.pulse.refused == LETTERS_WAITING + 50)
        assert len(connection.intake.letters.waiting) <= LETTERS_WAITING
        kraken.bus.is_away = False
        await eventually(lambda: not connection.intake.letters.waiting)

    kept = len(await kraken.bus.dead_letters(10_000))
    assert kept + connection.intake.letters.lost == LETTERS_WAITING + 50


async def test_instruments_that_are_not_listed_are_left_out(running: Running) -> None:
    instrument = running.instruments[0]
    with running.connected(instrument, Instrument("NOPE", "USDT")):
        await running.live()

    assert {quote.instrument for quote in running.of(Quote)} == {instrument}


async def test_a_venue_that_lists_nothing_of_it_says_so(kraken: Running) -> None:
    with kraken.connected(Instrument("NOPE", "USDT")):
        await eventually(lambda: kraken.said("lists none"))

    assert kraken.state == "down"


async def test_a_venue_that_is_not_there_is_tried_again(kraken: Running) -> None:
    with kraken.connected(websocket_url="ws://127.0.0.1:9/", rest_url="http://127.0.0.1:9"):
        await eventually(lambda: sum(one.state == "down" for one in kraken.statuses) >= 3)

    assert kraken.said("nobody listens at its address")


async def test_a_venue_is_left_alone_for_as_long_as_it_asks(kraken: Running) -> None:
    kraken.served.faults["kraken"].last("rate-limit", 1.5)
    started = time.monotonic()

    with kraken.connected():
        await kraken.live()

    assert time.monotonic() - started > 1.5
    assert kraken.served.asked["kraken"] < 10


async def test_dead_venues_cost_a_live_one_nothing() -> None:
    async with running_venue(VENUES["kraken"]) as live, AsyncExitStack() as opened:
        for number in range(20):
            name = f"dead{number}"
            dead = msgspec.structs.replace(VENUES["binance"], name=name).at(
                "ws://127.0.0.1:9/", "http://127.0.0.1:9"
            )
            task = asyncio.create_task(VenueConnection(dead, FIVE, live.bus).run())
            opened.callback(task.cancel)
        with live.connected():
            await live.flows()
            live.told.clear()
            started = time.monotonic()
            live.move(500)
            await live.complete()

    assert time.monotonic() - started < 3.0
    assert not live.of(Gap)


@pytest.mark.parametrize("transport", ["websockets", "picows"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    transport: TransportName, kraken: Running, tmp_path: Path
) -> None:
    if transport not in installed_transports():
        pytest.skip(f"{transport} is not installed")

    async def talk(socket: ServerConnection) -> None:
        await socket.send("never heard")

    context: ssl.SSLContext = a_certificate(tmp_path).server_context()
    async with serve(talk, "127.0.0.1", 0, ssl=context) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        venue: Venue = msgspec.structs.replace(
            kraken.served.venue("kraken"), websocket_url=f"wss://localhost:{port}/"
        )
        connection = VenueConnection(venue, kraken.instruments, kraken.bus, transport=transport)
        task = asyncio.create_task(connection.run())
        await eventually(lambda: kraken.said("certificate"))
        task.cancel()

    assert not kraken.of(Quote)
