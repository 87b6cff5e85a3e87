"""Books that the stream gives whole and then by their changes: what breaks them, what heals."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Book, Event, Gap, Instrument, Level, VenueStatus
from stream_service.books import KNOWN_AT_MOST, BookWatch
from stream_service.streamed_book import ASK_AGAIN_NS, BELIEVED_NS, Part, StreamedBook

AT = 1_790_000_000_000_000_000
PRICES = st.integers(1, 60)
SIZES = st.sampled_from([0.0, 0.5, 3.0])


class Followed:
    """A book, and how often the venue was asked for it."""

    def __init__(self) -> None:
        self.asked = 0
        self._number = 0
        watch = BookWatch("venue", Instrument("BTC", "USD"), self._next)
        self.book = StreamedBook(watch, self._ask)

    def whole(self, part: Part) -> list[Event]:
        return list(self.book.whole(part, AT))

    def change(self, part: Part, received_ns: int = AT) -> list[Event]:
        return list(self.book.change(part, received_ns))

    def _ask(self) -> None:
        self.asked += 1

    def _next(self, _received_ns: int) -> int:
        self._number += 1
        return self._number


def a_part(
    *,
    bids: Sequence[tuple[float, float]] = ((99.0, 1.0),),
    asks: Sequence[tuple[float, float]] = ((100.0, 1.0),),
    previous: int | None = None,
    last: int | None = None,
    at_ns: int = AT,
) -> Part:
    return Part(
        [Level(*row) for row in bids],
        [Level(*row) for row in asks],
        at_ns,
        previous=previous,
        last=last,
    )


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_a_change_without_a_whole_book_has_no_effect() -> None:
    followed = Followed()

    assert followed.change(a_part(last=2, previous=1)) == []


def test_changes_that_follow_one_another_are_shown() -> None:
    followed = Followed()
    followed.whole(a_part(last=7))

    [book] = followed.change(a_part(bids=[(99.0, 0.0), (98.0, 2.0)], asks=[], previous=7, last=9))

    assert isinstance(book, Book)
    assert (book.bids, book.sequence) == ((Level(98.0, 2.0),), 9)


@pytest.mark.parametrize("bids", [[], [(101.0, 1.0)]])
def test_a_missing_change_or_a_crossed_book_asks_for_a_whole_one(
    bids: list[tuple[float, float]],
) -> None:
    followed = Followed()
    followed.whole(a_part(last=7))
    previous = 7 if bids else 8

    broken = followed.change(a_part(bids=bids, asks=[], previous=previous, last=9))
    after = followed.change(a_part(previous=9, last=10))
    healed = followed.whole(a_part(last=20))

    assert kinds(broken) == [VenueStatus]
    assert after == []
    assert followed.asked == 1
    assert kinds(healed) == [VenueStatus, Gap, Book]


def test_a_change_that_is_known_already_has_no_effect() -> None:
    followed = Followed()
    followed.whole(a_part(last=7))

    assert followed.change(a_part(bids=[(98.0, 1.0)], previous=5, last=6)) == []
    assert followed.asked == 0


def test_a_book_whose_own_number_is_wrong_is_asked_for_anew() -> None:
    followed = Followed()
    followed.whole(a_part(last=2**60))

    said = [
        event
        for last in range(KNOWN_AT_MOST)
        for event in followed.change(a_part(previous=last, last=last + 1))
    ]

    assert kinds(said) == [VenueStatus]
    assert followed.asked == 1


def test_the_venue_is_not_asked_again_at_once() -> None:
    followed = Followed()
    for at_ns in (AT, AT + ASK_AGAIN_NS - 1, AT + ASK_AGAIN_NS):
        followed.whole(a_part())
        followed.change(a_part(bids=[(200.0, 1.0)], asks=[]), at_ns)

    assert followed.asked == 2


def test_a_whole_book_that_is_late_is_asked_for_again() -> None:
    followed = Followed()

    asked = [followed.book.tick(AT + at_ns) for at_ns in (0, ASK_AGAIN_NS - 1, ASK_AGAIN_NS)]

    assert asked == [False, False, True]


def test_a_whole_book_that_never_comes_is_asked_for_ever_more_rarely() -> None:
    followed = Followed()

    times = [second for second in range(3_600) if followed.book.tick(AT + second * 10**9)]

    assert times[:6] == [10, 30, 70, 150, 310, 610]
    assert {later - sooner for sooner, later in pairwise(times[5:])} == {300}


def test_only_a_book_without_numbers_is_asked_for_anew_while_it_is_whole() -> None:
    numbered, unnumbered = Followed(), Followed()
    numbered.whole(a_part(last=7))
    unnumbered.whole(a_part())

    for followed in (numbered, unnumbered):
        followed.book.tick(AT)
        followed.book.tick(AT + BELIEVED_NS)

    assert (numbered.asked, unnumbered.asked) == (0, 1)


def test_a_doubted_book_is_told_broken_with_its_next_change_and_asked_for_with_the_next_tick() -> (
    None
):
    followed = Followed()
    followed.whole(a_part())

    followed.book.doubt("a frame was lost")
    [status] = followed.change(a_part())
    followed.book.tick(AT)

    assert isinstance(status, VenueStatus)
    assert status.reason == "a frame was lost"
    assert followed.asked == 1


def test_changes_older_than_a_book_over_rest_are_passed_over() -> None:
    followed = Followed()
    list(followed.book.seed(a_part(at_ns=AT + 5), AT))

    older = followed.change(a_part(bids=[(98.0, 1.0)], at_ns=AT + 4))
    newer = followed.change(a_part(bids=[(97.0, 1.0)], at_ns=AT + 5))

    assert older == []
    [book] = newer
    assert isinstance(book, Book)
    assert book.bids == (Level(99.0, 1.0), Level(97.0, 1.0))


def test_a_change_beyond_the_best_levels_is_shown_once_a_second_for_its_age() -> None:
    followed = Followed()
    followed.whole(a_part(bids=[(float(price), 1.0) for price in range(90, 100)]))
    beyond = a_part(bids=[(50.0, 1.0)], asks=[])

    shown = [kinds(followed.change(beyond, AT + late_ns)) for late_ns in (0, 10**9, 10**9 + 1)]

    assert shown == [[], [Book], []]


def test_a_whole_book_is_shown_even_if_it_is_the_same() -> None:
    followed = Followed()

    assert kinds([*followed.whole(a_part()), *followed.whole(a_part())]) == [Book, Book]


@given(changes=st.lists(st.lists(st.tuples(PRICES, SIZES), max_size=8), max_size=12))
def test_a_book_is_what_a_dictionary_of_its_levels_is(
    changes: list[list[tuple[int, float]]],
) -> None:
    followed = Followed()
    [book] = followed.whole(a_part(bids=[], asks=[(100.0, 1.0)]))
    plain: dict[float, float] = {}

    for rows in changes:
        part = a_part(bids=[(float(row[0]), row[1]) for row in rows], asks=[])
        [book] = followed.change(part) or [book]
        plain |= {float(price): size for price, size in rows}

        kept = sorted(((price, size) for price, size in plain.items() if size), reverse=True)
        assert isinstance(book, Book)
        assert [(level.price, level.size) for level in book.bids] == kept[:10]
