"""Bithumb's list of what deposits and withdrawals cost in, the terms of its wallets out.

Source: `GET /v2/fee/inout/ALL`, which needs no key. It does not tell whether a wallet is open.
"""

from msgspec import Raw, Struct
from msgspec.json import Decoder

from market import FrameError, Instrument, Wallet
from stream_service import wire
from stream_service.rows import readable
from stream_service.venue import HttpRequest, Venue, WalletRequests

PATH = "/v2/fee/inout/ALL"
SOURCE = f"https://api.bithumb.com{PATH}"


class NetworkRow(
    Struct,
    frozen=True,
    rename={
        "network": "net_name",
        "deposit_fee": "deposit_fee_quantity",
        "deposit_minimum": "deposit_minimum_quantity",
        "withdrawal_fee": "withdraw_fee_quantity",
        "withdrawal_minimum": "withdraw_minimum_quantity",
    },
):
    """A network of a coin."""

    network: wire.Name
    deposit_fee: wire.OrZero | None = None
    deposit_minimum: wire.OrZero | None = None
    withdrawal_fee: wire.OrZero | None = None
    withdrawal_minimum: wire.OrZero | None = None


class CoinRow(Struct, frozen=True):
    """A coin."""

    currency: wire.Name
    networks: list[NetworkRow]


ROWS = Decoder(list[Raw])
COIN = Decoder(CoinRow, strict=False)


def list_wallets(venue: Venue) -> WalletRequests:
    """Ask for every coin; one that cannot be read is left out."""
    body = yield HttpRequest(PATH, about=("wallets", None))
    try:
        coins = readable(ROWS.decode(body), COIN)
    except wire.UNREADABLE as error:
        raise FrameError(venue.name, body, str(error)) from error
    return [_wallet(venue.name, coin.currency, one) for coin in coins for one in coin.networks]


def _wallet(venue: str, code: str, row: NetworkRow) -> Wallet:
    return Wallet(
        venue=venue,
        code=Instrument.of(code, "").base,
        network=row.network,
        withdrawal_fee=row.withdrawal_fee,
        withdrawal_minimum=row.withdrawal_minimum,
        deposit_fee=row.deposit_fee,
        deposit_minimum=row.deposit_minimum,
        source=SOURCE,
    )
