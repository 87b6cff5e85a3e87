"""Which strategies may be tried over REST."""

from collections.abc import Mapping

import msgspec

from analytics.strategies import SHIPPED, Strategy
from api_service.past_premiums import PremiumTerms


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The strategies that may be tried, by name.

    ``found_by`` is what ``worker``, a module that is run, finds those by that it does not know by
    their name. ``premiums`` are told to those that look at them.
    """

    strategies: Mapping[str, type[Strategy]]
    found_by: Mapping[str, str] = {}
    worker: str = "api_service.backtest_worker"
    premiums: PremiumTerms = PremiumTerms()


OF_SHIPPED = Offer(strategies=SHIPPED)
