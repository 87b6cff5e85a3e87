"""Settings in, what routes keep to out."""

from __future__ import annotations

from collections.abc import Iterable

from analytics.routes.terms import BoardTerms
from cryptotracker.settings import Settings
from market.intervals import SECOND_NS


def board_terms(settings: Settings, bank_venues: Iterable[str]) -> BoardTerms:
    """Return the terms; ``bank_venues`` are the services that tell rates of money."""
    return BoardTerms(
        max_age_ns=round(settings.max_quote_age_s * SECOND_NS),
        max_skew_ns=round(settings.max_skew_s * SECOND_NS),
        capital_usd=settings.route_capital_usd,
        bank_venues=frozenset(bank_venues),
        bank_age_ns=round(settings.max_bank_rate_age_s * SECOND_NS),
        reference_venue=settings.premium_reference,
        kernel=settings.route_kernel,
    )
