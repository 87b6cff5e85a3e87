"""Settings in, what premiums of the past are made by out: as those that are told live."""

from __future__ import annotations

from api_service.past_premiums import PremiumTerms
from cryptotracker.choice import chosen_polled
from cryptotracker.costs import read_costs
from cryptotracker.settings import Settings
from market.intervals import SECOND_NS


def premium_terms(settings: Settings) -> PremiumTerms:
    """Return the terms; services that are polled tell rates as banks do, see `board_terms`."""
    return PremiumTerms(
        reference_venue=settings.premium_reference,
        bank_venues=frozenset(venue.name for venue in chosen_polled(settings)),
        bank_age_ns=round(settings.max_bank_rate_age_s * SECOND_NS),
        asset_id=read_costs(settings).asset_id,
    )
