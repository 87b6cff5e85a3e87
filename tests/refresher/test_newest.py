"""Of a burst of quotes the last of each market is enough, for whoever keeps the newest."""

from collections.abc import Iterable
from operator import attrgetter

from hypothesis import given
from hypothesis import strategies as st

from analytics.latest import LatestQuotes
from market import Quote
from refresher_service.refresher import newest
from tests.making import SECOND, a_quote

MARKETS = [("kraken", "BTC-USDT"), ("kraken", "ETH-USDT"), ("upbit", "BTC-USDT")]
LIMIT_NS = 10 * SECOND

_received_ns = attrgetter("received_ns")

quotes = st.builds(
    lambda market, at_ns, bid: a_quote(*market, bid=bid, at_ns=at_ns),
    st.sampled_from(MARKETS),
    st.integers(0, 40 * SECOND),
    st.sampled_from([98.0, 99.0]),
)


@given(st.lists(quotes, unique_by=_received_ns))
def test_the_newest_of_a_burst_leave_what_all_of_it_leaves(told: list[Quote]) -> None:
    in_order = sorted(told, key=_received_ns)

    assert _kept(newest(told)) == _kept(told)
    assert _kept(newest(in_order)) == _kept(in_order)


def test_of_many_quotes_of_a_market_one_is_taken() -> None:
    told = [a_quote(*MARKETS[number % 3], at_ns=number) for number in range(300)]

    assert list(newest(told)) == told[-3:]


def _kept(told: Iterable[Quote]) -> dict[tuple[str, str], Quote]:
    latest = LatestQuotes(max_age_ns=LIMIT_NS, max_silence_ns=LIMIT_NS)
    kept = {}
    for quote in told:
        if latest.take_quote(quote):
            kept[quote.venue, str(quote.instrument)] = quote
    return kept
