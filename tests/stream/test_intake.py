"""What frames become on the bus: what can be true, once, with its troubles told before it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from infrastructure.bus.local import LocalBus
from market import Event, FrameError, Gap, Instrument, Quote, Trade, VenueRefusedError, VenueStatus
from stream_service.intake import Intake
from stream_service.letters import LETTERS_WAITING
from stream_service.rhythm import StreamWatch
from stream_service.venue import Session
from stream_service.venues import load_venues
from tests.books import assert_kept
from tests.making import a_book, a_quote, a_status, a_trade

VENUE = load_venues()["kucoin"]
BTC = Instrument("BTC", "USDT")


class SpelledSession(Session):
    """Reads frames that are events of ours; ``?`` cannot be read."""

    def opened(self) -> None:
        return

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        if frame == b"?":
            raise FrameError("kucoin", frame, "it cannot be read")
        if frame == b"!":
            raise VenueRefusedError("kucoin refuses")
        events = msgspec.json.decode(frame, type=list[Event])
        return [msgspec.structs.replace(event, received_ns=received_ns) for event in events]


class NotedBus(LocalBus):
    """Remembers what was published, and in how many calls."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Event] = []
        self.calls = 0

    async def publish(self, events: Sequence[Event]) -> None:
        self.calls += 1
        self.published += events


def a_frame(*events: Event) -> bytes:
    return msgspec.json.encode(events)


def a_live_trade(number: int, price: float = 100.0) -> Trade:
    return a_trade("kucoin", number=number, price=price, at_ns=time.time_ns())


made: list[Intake] = []


@pytest.fixture(autouse=True)
def _books_balance() -> Iterator[None]:
    """After each test, whatever it did to the intakes in it."""
    yield
    while made:
        assert_kept(made.pop().counts, "frames", "events", "letters")


def an_intake() -> tuple[Intake, NotedBus, SpelledSession]:
    bus = NotedBus()
    made.append(Intake(VENUE, bus))
    return made[-1], bus, SpelledSession([])


async def test_frames_that_come_together_are_published_together() -> None:
    intake, bus, session = an_intake()
    frames = [a_frame(a_live_trade(number)) for number in range(5)]

    await intake.take_all(session, frames, time.time_ns())

    assert [trade.trade_id for trade in bus.published if isinstance(trade, Trade)] == list("01234")
    assert bus.calls == 1
    assert intake.pulse.frames == 5


async def test_a_trade_that_comes_twice_is_published_once() -> None:
    intake, bus, session = an_intake()
    frame = a_frame(a_live_trade(1))

    await intake.take_all(session, [frame], time.time_ns())
    await intake.take_all(session, [frame, frame], time.time_ns())

    assert len(bus.published) == 1


async def test_a_frame_that_cannot_be_read_puts_only_itself_aside() -> None:
    intake, bus, session = an_intake()
    frames = [a_frame(a_live_trade(1)), b"?", a_frame(a_live_trade(2))]

    await intake.take_all(session, frames, time.time_ns())

    assert len(bus.published) == 2
    [letter] = intake.letters.waiting
    assert (letter.body, letter.reason) == (b"?", "it cannot be read")
    assert intake.pulse.refused == 1


async def test_trades_may_be_missing_between_those_around_an_unreadable_frame() -> None:
    intake, _bus, session = an_intake()
    frames = [a_frame(a_live_trade(1)), b"?", a_frame(a_live_trade(2))]

    await intake.take_all(session, frames, time.time_ns())

    [hole] = intake.ledger.recalls()
    assert hole.after.trade_id == "1"
    assert intake.doubted


async def test_a_price_that_cannot_be_true_is_told_as_a_gap_of_its_trade() -> None:
    intake, bus, session = an_intake()
    outlier = a_frame(a_live_trade(2, price=10_000.0))
    frames = [a_frame(a_live_trade(1)), outlier, a_frame(a_live_trade(3))]

    await intake.take_all(session, frames, time.time_ns())

    trades = [event.trade_id for event in bus.published if isinstance(event, Trade)]
    [gap] = [event for event in bus.published if isinstance(event, Gap)]
    assert trades == ["1", "3"]
    assert gap.missing == 1
    assert "too far" in gap.reason
    assert intake.letters.waiting[0].body == outlier


async def test_what_a_session_says_of_itself_is_heard_though_its_frame_is_refused() -> None:
    intake, bus, session = an_intake()
    now_ns = time.time_ns()
    bad = a_quote("kucoin", bid=101.0, ask=100.0, at_ns=now_ns)
    broke = a_status("kucoin", "resyncing", instrument="BTC-USDT", at_ns=now_ns)

    await intake.take_all(session, [a_frame(broke, bad)], now_ns)

    assert [type(event) for event in bus.published] == [VenueStatus]
    assert intake.pulse.troubled == 1


async def test_an_instrument_in_trouble_twice_is_live_once_both_are_over() -> None:
    intake, _bus, _session = an_intake()

    assert intake.troubles.note(BTC, "stale", "stale", "silent")
    assert not intake.troubles.note(BTC, "session", "resyncing", "the book broke")

    assert not intake.troubles.relieve(BTC, "stale")
    assert intake.troubles.relieve(BTC, "session")


async def test_troubles_can_be_told_again() -> None:
    intake, _bus, _session = an_intake()
    intake.troubles.note(BTC, "halted", "refused", "it is not traded")

    [status] = intake.troubles.told()

    assert isinstance(status, VenueStatus)
    assert (status.instrument, status.state, status.reason) == (BTC, "refused", "it is not traded")


async def test_a_book_of_one_side_is_stale_until_it_has_two() -> None:
    intake, bus, session = an_intake()
    now_ns = time.time_ns()
    whole = a_book("kucoin", at_ns=now_ns)
    one_sided = a_book("kucoin", asks=(), at_ns=now_ns)

    await intake.take_all(session, [a_frame(one_sided), a_frame(whole)], now_ns)

    states = [event.state for event in bus.published if isinstance(event, VenueStatus)]
    assert states == ["stale", "live"]


async def test_an_instrument_that_falls_silent_is_stale_and_then_live() -> None:
    intake, bus, session = an_intake()
    intake.watch = StreamWatch(first_frame_s=0.0)
    intake.connected([BTC])

    [told] = intake.silences()
    await intake.take_all(
        session, [a_frame(a_quote("kucoin", at_ns=time.time_ns()))], time.time_ns()
    )

    assert isinstance(told, VenueStatus)
    assert (told.state, told.instrument) == ("stale", BTC)
    assert [type(event) for event in bus.published] == [VenueStatus, Quote]


async def test_letters_are_bounded_and_those_that_are_lost_are_counted() -> None:
    intake, _bus, session = an_intake()

    await intake.take_all(session, [b"?"] * (LETTERS_WAITING + 3), time.time_ns())

    assert len(intake.letters.waiting) == LETTERS_WAITING
    assert intake.letters.lost == 3


async def test_a_letter_that_comes_back_is_the_next_one_again() -> None:
    intake, _bus, session = an_intake()
    await intake.take_all(session, [b"?", b"?"], time.time_ns())

    letter = intake.letters.take()
    intake.letters.give_back(letter)

    assert intake.letters.take() is letter
    intake.letters.take()
    assert not intake.letters.arrived.is_set()


async def test_a_state_that_cannot_be_read_is_as_good_as_none() -> None:
    intake, _bus, _session = an_intake()

    intake.restore(b"{")
    intake.restore(await Intake(load_venues()["kraken"], LocalBus()).kept())

    assert not intake.ledger.recalls()


async def test_what_an_old_session_said_ends_when_a_new_one_takes_over() -> None:
    intake, bus, old = an_intake()
    new = SpelledSession([])
    for session, symbol in ((old, "BTC-USDT"), (old, "ETH-USDT"), (new, "ETH-USDT")):
        trouble = a_status("kucoin", "resyncing", instrument=symbol)
        await intake.take_all(session, [a_frame(trouble)], time.time_ns())
    bus.published.clear()

    well = intake.left_to(new, [BTC, Instrument("ETH", "USDT")])

    assert [(one.instrument, one.state) for one in well if isinstance(one, VenueStatus)] == [
        (BTC, "live")
    ]
    assert intake.pulse.troubled == 1
