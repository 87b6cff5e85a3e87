"""A book that starts from a snapshot over REST: what is too old, and numbers that cannot be."""

from collections.abc import Sequence
from itertools import count

from market import Book, Event, Gap, Instrument, Level, VenueStatus
from stream_service.books import KNOWN_AT_MOST, BookWatch
from stream_service.seeded_book import PATIENCE_S, TOO_OLD_AT_MOST, Change, SeededBook
from tests.making import SECOND

AT = 1_790_000_000 * SECOND
FAR = 2**60
BIDS = [Level(99.0, 1.0)]
ASKS = [Level(100.0, 1.0)]


class Followed:
    """A book, and how often its snapshot was asked for."""

    def __init__(self) -> None:
        numbers = count(1)
        watch = BookWatch("kraken", Instrument("BTC", "USDT"), lambda _: next(numbers))
        self.asked = 0
        self.book = SeededBook(watch, depth=100, ask=self._ask)

    def change(self, first: int, last: int) -> Sequence[Event]:
        return self.book.change(Change(first, last, BIDS, (), AT), AT)

    def seed(self, last: int, event_ns: int | None = None) -> Sequence[Event]:
        return self.book.seed(last, BIDS, ASKS, AT, event_ns)

    def wait(self, seconds: float) -> None:
        for at_ns in (0, int(seconds * SECOND)):
            self.book.tick(AT + at_ns)

    def _ask(self) -> None:
        self.asked += 1


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def test_a_book_bears_the_time_of_its_snapshot() -> None:
    [book] = Followed().seed(7, AT - SECOND)

    assert book.event_ns == AT - SECOND


def test_a_snapshot_that_is_too_old_is_asked_for_again_at_once_but_once() -> None:
    followed = Followed()
    followed.change(100, 110)

    for _ in range(2):
        followed.seed(50)

    assert followed.asked == 1


def test_a_number_that_was_far_too_high_is_forgotten_after_a_few_snapshots() -> None:
    followed = Followed()
    followed.change(FAR, FAR)

    seeded = [followed.seed(50) for _ in range(TOO_OLD_AT_MOST + 1)]

    assert [kinds(events) for events in seeded] == [[], [], [], [Book]]


def test_a_snapshot_is_asked_for_again_when_it_was_too_old() -> None:
    followed = Followed()
    followed.change(100, 110)
    for _ in range(2):
        followed.seed(50)

    followed.wait(PATIENCE_S)

    assert followed.asked == 2


def test_a_change_that_is_known_already_has_no_effect() -> None:
    followed = Followed()
    followed.seed(7)

    assert followed.change(5, 6) == ()


def test_a_book_whose_own_number_is_wrong_starts_anew() -> None:
    followed = Followed()
    followed.seed(7)
    followed.change(8, FAR)

    said = [event for last in range(KNOWN_AT_MOST) for event in followed.change(last, last)]
    healed = [event for _ in range(TOO_OLD_AT_MOST + 1) for event in followed.seed(300)]

    assert kinds(said) == [VenueStatus]
    assert kinds(healed) == [VenueStatus, Gap, Book]
