"""Facts about fees, wallets and codes in, what a trade or a transfer costs out.

A key names what a fact is about, from the whole to the part: a venue, a quote currency there, one
instrument. The most exact fact counts. Facts that are laid over others replace all that they name:
a fee of a whole venue those of its quote currencies too.

What no fact names is unknown, and is answered with None, never with zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from analytics.routes.state import Node
from analytics.routes.transfers import TransferTerms, terms_between
from market import Instrument, Wallet

Key: TypeAlias = tuple[str, ...]

STOCKS = "stocks"
"""What stands for all stocks of a venue in place of a quote currency."""

AssetId: TypeAlias = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9-]*$", max_length=64)]
"""Ids of routes are made of these, so they have none of the signs that part them there."""

FeeBps: TypeAlias = Annotated[float, Meta(ge=0, lt=10_000)]


class Fee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A taker fee. ``assumed``: sources differ, or it is not the same for all that it names.

    ``source`` says where it was read, ``checked`` on which day.
    """

    bps: FeeBps
    source: str
    checked: date | None = None
    assumed: bool = False


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another coin than the one that the rest of the market calls so; ``asset`` is its id."""

    asset: AssetId
    name: str = ""
    source: str
    checked: date | None = None
    assumed: bool = False


class CapitalControl(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A currency that cannot leave its country; ``venues`` are those within."""

    venues: Annotated[tuple[str, ...], Meta(min_length=1)]
    source: str
    checked: date | None = None
    assumed: bool = False


Fact = TypeVar("Fact")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known, by key.

    Fees: venue; venue and quote currency (or `STOCKS`); venue, quote currency and base. Wallets:
    venue and code, and the network where there is one. Identities: venue and code. Controls:
    currency.
    """

    fees: Mapping[Key, Fee] = {}
    wallets: Mapping[Key, Wallet] = {}
    identities: Mapping[Key, Identity] = {}
    controls: Mapping[Key, CapitalControl] = {}

    def over(self, lower: Facts) -> Facts:
        """Return both; of ``lower`` what these do not name, in whole or in part."""
        return Facts(
            fees=_over(self.fees, lower.fees),
            wallets=_over(self.wallets, lower.wallets),
            identities=_over(self.identities, lower.identities),
            controls=_over(self.controls, lower.controls),
        )


class Costs:
    """Answers what a trade or a transfer costs, and what coin a code stands for."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._wallets: dict[Node, list[Wallet]] = {}
        for wallet in facts.wallets.values():
            asset = self.asset_id(wallet.venue, wallet.code)
            self._wallets.setdefault((wallet.venue, asset), []).append(wallet)
        for node, wallets in self._wallets.items():
            self._wallets[node] = [one for one in wallets if one.network] or wallets

    def taker_fee(
        self, venue: str, instrument: Instrument, *, is_stock: bool = False
    ) -> Fee | None:
        """Return the fee of the most exact fact about ``instrument``; None: it is unknown."""
        whole = (venue, instrument.quote_currency)
        shares = ((venue, STOCKS),) if is_stock else ()
        keys: tuple[Key, ...] = ((*whole, instrument.base), *shares, whole, (venue,))
        return next((self.facts.fees[key] for key in keys if key in self.facts.fees), None)

    def asset_id(self, venue: str, code: str) -> str:
        """Return the name that the coin has at every venue: the code, unless it is another coin."""
        identity = self.facts.identities.get((venue, code))
        return code if identity is None else identity.asset

    def transfer(self, asset: str, source: str, target: str) -> TransferTerms:
        """Return what is known of moving ``asset``, an id, from one venue to another."""
        control = self.facts.controls.get((asset,))
        if control and (source in control.venues) != (target in control.venues):
            return TransferTerms(
                open=False,
                source=control.source,
                checked=control.checked,
                assumed=control.assumed,
            )
        return terms_between(
            self._wallets.get((source, asset), ()), self._wallets.get((target, asset), ())
        )

    def is_controlled(self, asset: str) -> bool:
        """Tell whether ``asset`` is money that cannot leave its country."""
        return (asset,) in self.facts.controls


def fee_key(text: str) -> Key:
    """Read what a fee is of: ``upbit``, ``upbit.KRW``, ``kraken.BTC-USD``, ``alpaca.stocks``.

    Raises:
        ValueError: it is none of these.

    """
    venue, dot, part = (word.strip() for word in text.partition("."))
    try:
        market = _market_key(part) if dot else ()
    except ValueError as error:
        raise ValueError(_no_fee_is_of(text)) from error
    if not venue:
        raise ValueError(_no_fee_is_of(text))
    return venue.lower(), *market


def fee_name(key: Key) -> str:
    """Write what `fee_key` reads."""
    venue, *rest = key
    return ".".join((venue, "-".join(reversed(rest)))) if rest else venue


def _market_key(part: str) -> Key:
    if part.lower() == STOCKS:
        return (STOCKS,)
    if part.isalnum():
        return (Instrument.of("", part).quote_currency,)
    instrument = Instrument.parse(part)
    return instrument.quote_currency, instrument.base


def _no_fee_is_of(text: str) -> str:
    return (
        f"{text!r} is not what a fee is of: a venue, a quote currency or an instrument there, "
        "such as upbit, upbit.KRW or kraken.BTC-USD"
    )


def _over(upper: Mapping[Key, Fact], lower: Mapping[Key, Fact]) -> dict[Key, Fact]:
    return {key: fact for key, fact in lower.items() if not _is_named(key, upper)} | dict(upper)


def _is_named(key: Key, upper: Mapping[Key, Fact]) -> bool:
    """Tell whether ``upper`` names it, or a whole that it is a part of."""
    return any(key[:length] in upper for length in range(1, len(key) + 1))
