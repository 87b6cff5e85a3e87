"""Whatever clients ask of the live feed is understood, or refused with a problem."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.indicators.shipped import INDICATORS
from api_service.live_protocol import IndicatorTerms, MessageError, Subscribe, read_message
from api_service.live_requests import CHANNELS, stream_key
from api_service.problems import ProblemError
from api_service.streams import StreamKey
from api_service.view import LatestView
from infrastructure.bus.local import LocalBus
from market.intervals import INTERVALS

WORDS = st.sampled_from(["", "kraken", "Upbit", "all", "BTC-USD", "BTC-KRW", "USDT", "*", "ä"])
NAMES = WORDS | st.lists(WORDS, max_size=2)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 20, 2.5, 10**6, 10**30, 1e300])
OPTIONAL = st.none() | WORDS
TERMS = st.builds(
    IndicatorTerms,
    name=st.sampled_from([*INDICATORS, "", "nonsense"]),
    parameters=st.dictionaries(
        st.sampled_from(["period", "fast", "slow", "width", "what"]), NUMBERS, max_size=2
    ),
    reference_venue=OPTIONAL,
    reference_symbol=OPTIONAL,
    rate_venue=OPTIONAL,
)


@given(
    asked=st.builds(
        Subscribe,
        channel=st.sampled_from([*CHANNELS, "nonsense"]),
        symbol=NAMES,
        venue=NAMES,
        asset=NAMES,
        interval=st.none() | st.sampled_from([*INTERVALS, "2m"]),
        indicator=st.none() | TERMS,
        limit=st.none() | NUMBERS.filter(lambda number: number == int(number)).map(int),
        max_hz=st.none() | NUMBERS,
        delivery=st.sampled_from([None, "latest", "all"]),
    )
)
def test_a_subscription_is_one_or_is_refused(asked: Subscribe) -> None:
    view = LatestView(LocalBus())

    with suppress(ProblemError):
        assert isinstance(stream_key(asked, view), StreamKey)


@given(
    asked=st.recursive(
        st.none() | st.booleans() | NUMBERS | st.text("xyz", max_size=5),
        lambda parts: (
            st.lists(parts, max_size=3)
            | st.dictionaries(
                st.sampled_from(["op", "channel", "indicator", "id"]), parts, max_size=3
            )
        ),
        max_leaves=6,
    )
)
def test_what_is_no_message_is_told_as_such(asked: object) -> None:
    with pytest.raises(MessageError) as refused:
        read_message(msgspec.json.encode(asked))

    assert refused.value.body("/v1/live")["status"] == 400
