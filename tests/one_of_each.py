"""One event of each kind that there is."""

from market import Event
from tests.making import (
    a_book,
    a_candle,
    a_gap,
    a_listed,
    a_premium,
    a_quote,
    a_route,
    a_routes,
    a_signal,
    a_status,
    a_summary,
    a_trade,
    a_venue_candle,
    an_actor_status,
    an_episode,
)


def one_of_each(at_ns: int) -> list[Event]:
    """Make events of one time; of statuses of venues two, one of a whole venue."""
    return [
        a_status(at_ns=at_ns),
        a_status("upbit", "resyncing", instrument="BTC-KRW", at_ns=at_ns),
        an_actor_status(at_ns=at_ns),
        a_quote(at_ns=at_ns),
        a_book(at_ns=at_ns),
        a_trade(at_ns=at_ns),
        a_candle(start_ns=at_ns),
        a_venue_candle(start_ns=at_ns),
        a_summary(at_ns=at_ns),
        a_listed(at_ns=at_ns),
        a_gap(),
        a_routes("BTC", a_route(), at_ns=at_ns),
        an_episode(),
        a_premium(at_ns=at_ns),
        a_signal(start_ns=at_ns),
    ]
