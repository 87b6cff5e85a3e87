"""What is kept for views that begin: the newest of each key, and what changed since last time."""

from infrastructure.bus.recent import Recent
from tests.making import a_book, a_quote, a_route, a_routes, a_trade


def test_newest_of_each_key_is_kept_and_what_is_not_conflated_is_not() -> None:
    recent = Recent()

    recent.note([a_quote(at_ns=2), a_trade(), a_quote(venue="upbit", at_ns=1), a_book()])
    recent.note([a_quote(at_ns=3), a_routes("BTC", a_route(), at_ns=4)])

    assert recent.of(["#"]) == [
        a_quote(venue="upbit", at_ns=1),
        a_quote(at_ns=3),
        a_routes("BTC", a_route(), at_ns=4),
    ]
    assert recent.of(["quote.upbit.#"]) == [a_quote(venue="upbit", at_ns=1)]


def test_what_changed_is_told_once_and_known_for_ever() -> None:
    recent = Recent()
    recent.note([a_quote(at_ns=1), a_quote(venue="upbit", at_ns=1)])
    recent.changed()

    recent.note([a_quote(at_ns=2)])

    assert recent.changed() == [a_quote(at_ns=2)]
    assert recent.changed() == []
    assert not recent.came.is_set()
    assert len(recent.of(["quote.#"])) == 2


def test_of_what_several_processes_told_the_one_received_last_is_kept() -> None:
    recent = Recent()

    recent.meet([a_quote(at_ns=5)])
    recent.meet([a_quote(at_ns=3), a_routes("BTC", at_ns=1)])

    assert recent.of(["#"]) == [a_routes("BTC", at_ns=1), a_quote(at_ns=5)]
