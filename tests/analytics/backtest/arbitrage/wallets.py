"""What moving coins costs, for tests."""

from analytics.routes.costs import Costs, Facts, Fee, Key
from market import Wallet

VENUES = ("binance", "kraken", "upbit")


def a_wallet(venue: str, code: str, fee: float, minutes: float | None) -> Wallet:
    return Wallet(
        venue=venue,
        code=code,
        withdrawal_fee=fee,
        withdraws=True,
        deposits=True,
        deposit_fee=0.0,
        minutes=minutes,
        source="a page",
    )


def moving(**coins: tuple[float, float | None]) -> Costs:
    """Return free trades, and coins that every venue moves: the fee of a withdrawal, minutes."""
    wallets: dict[Key, Wallet] = {
        (venue, code): a_wallet(venue, code, *terms)
        for code, terms in coins.items()
        for venue in VENUES
    }
    fees: dict[Key, Fee] = {(venue,): Fee(bps=0.0, source="a page") for venue in VENUES}
    return Costs(Facts(fees=fees, wallets=wallets))
