"""Which strategies may be tried over REST."""

from collections.abc import Mapping

import msgspec

from analytics.strategies import SHIPPED, Strategy


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The strategies that may be tried, by name.

    ``found_by`` is what ``worker``, a module that is run, finds those by that it does not know by
    their name.
    """

    strategies: Mapping[str, type[Strategy]]
    found_by: Mapping[str, str] = {}
    worker: str = "api_service.backtest_worker"


OF_SHIPPED = Offer(strategies=SHIPPED)
