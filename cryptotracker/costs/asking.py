"""Venues in, what they tell of their wallets now out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from analytics.routes.costs import Facts, Key
from market import VenueRefusedError, Wallet
from stream_service.rest import UNANSWERED, VenueRest
from stream_service.venue import Venue, WalletRequests

WITHIN_S = 20.0


async def ask_wallets(venues: Sequence[Venue]) -> tuple[Facts, list[str]]:
    """Ask all venues that tell it at once what moving coins in and out costs.

    Returns:
        What they told, checked today, and a sentence for each that did not answer.

    """
    asking = [(one, one.list_wallets(one)) for one in venues if one.list_wallets]
    answers = await asyncio.gather(*(_told(venue, requests) for venue, requests in asking))
    today = datetime.now(UTC).date()
    wallets: dict[Key, Wallet] = {}
    troubles: list[str] = []
    for (venue, _), answer in zip(asking, answers, strict=True):
        if isinstance(answer, str):
            troubles.append(f"{venue.name} does not tell of its wallets: {answer}")
        else:
            wallets |= {_key(wallet): replace(wallet, checked=today) for wallet in answer}
    return Facts(wallets=wallets), troubles


async def _told(venue: Venue, requests: WalletRequests) -> list[Wallet] | str:
    """Return what a venue tells, or why that is not known."""
    try:
        async with asyncio.timeout(WITHIN_S), VenueRest(venue) as rest:
            return await rest.dialogue(requests)
    except (*UNANSWERED, OSError, VenueRefusedError) as error:
        return str(error) or type(error).__name__


def _key(wallet: Wallet) -> Key:
    return wallet.venue, wallet.code, wallet.network.upper()
