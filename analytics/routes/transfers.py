"""Wallets of two venues in, the terms of a transfer between them out.

What nobody says stays unknown: a transfer is open where the source pays out and the target takes in
on one network, closed where either does not on any, and else of unknown state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import product

import msgspec

from analytics.routes.state import Transfer
from market import Wallet


class TransferTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What moving an asset costs. None: nobody says.

    ``fee`` and ``minimum`` are amounts of the asset, ``minimum`` of what is sent. ``source`` is
    empty where nothing at all is known, ``checked`` the older date where two sources were needed.
    """

    fee: float | None = None
    minimum: float | None = None
    open: bool | None = None
    minutes: float | None = None
    network: str = ""
    source: str = ""
    checked: date | None = None
    assumed: bool = False

    def of(self, asset: str, source: str, target: str) -> Transfer[float] | None:
        """Return the transfer that has these terms; None: its fee is unknown, so there is none."""
        if self.fee is None:
            return None
        return Transfer(
            asset=asset,
            source=source,
            target=target,
            fee=self.fee,
            minimum=self.minimum,
            open=self.open,
            minutes=self.minutes,
        )


UNKNOWN = TransferTerms()

_NOTHING_SAID = Wallet(venue="", code="", source="")


def terms_between(paying: Sequence[Wallet], taking: Sequence[Wallet]) -> TransferTerms:
    """Return the terms on the best network that both venues have: an open one, then a cheap one.

    Args:
        paying: The wallets of one asset at the source, one a network; none: nothing is known of it.
        taking: Those at the target.

    """
    if not (paying or taking):
        return UNKNOWN
    ends = product(paying or (_NOTHING_SAID,), taking or (_NOTHING_SAID,))
    shared = [_terms(out, into) for out, into in ends if _share(out, into)]
    return min(shared, key=_rank) if shared else _unshared(paying, taking)


def _share(out: Wallet, into: Wallet) -> bool:
    return not out.network or not into.network or out.network.upper() == into.network.upper()


def _terms(out: Wallet, into: Wallet) -> TransferTerms:
    """Join the two ends; a deposit fee that nobody mentions is assumed not to be taken."""
    fee = None if out.withdrawal_fee is None else out.withdrawal_fee + (into.deposit_fee or 0.0)
    return TransferTerms(
        fee=fee,
        minimum=_minimum(out, into),
        open=_both(out.withdraws, into.deposits),
        minutes=into.minutes if out.minutes is None else out.minutes,
        network=out.network or into.network,
        source=_joined((out.source, into.source)),
        checked=_older((out, into)),
        assumed=out.assumed or into.assumed or into.deposit_fee is None,
    )


def _minimum(out: Wallet, into: Wallet) -> float | None:
    """Return the least that may be sent: what arrives must be enough for the target."""
    least = [] if out.withdrawal_minimum is None else [out.withdrawal_minimum]
    if into.deposit_minimum is not None:
        least.append(into.deposit_minimum + (out.withdrawal_fee or 0.0))
    return max(least, default=None)


def _both(first: bool | None, second: bool | None) -> bool | None:  # noqa: FBT001  # three values
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def _rank(terms: TransferTerms) -> tuple[int, float]:
    fee = float("inf") if terms.fee is None else terms.fee
    return (True, None, False).index(terms.open), fee


def _unshared(paying: Sequence[Wallet], taking: Sequence[Wallet]) -> TransferTerms:
    """Say what is left where networks are called differently: they may be the same, or none."""
    every = (*paying, *taking)
    is_shut = all(one.withdraws is False for one in paying) or all(
        one.deposits is False for one in taking
    )
    return TransferTerms(
        open=False if is_shut else None,
        source=_joined(one.source for one in every),
        checked=_older(every),
        assumed=True,
    )


def _joined(sources: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, sources)))


def _older(wallets: Iterable[Wallet]) -> date | None:
    return min((one.checked for one in wallets if one.checked is not None), default=None)
