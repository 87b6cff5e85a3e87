"""KuCoin's list of currencies in, the terms of its wallets out.

Source: `GET /api/v3/currencies`, which needs no key.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from market import Instrument, Wallet
from stream_service import wire
from stream_service.rows import readable

PATH = "/api/v3/currencies"
SOURCE = f"https://api.kucoin.com{PATH}"

Rate: TypeAlias = Annotated[float, Meta(ge=0, lt=1)]


class ChainRow(
    Struct,
    frozen=True,
    rename={
        "network": "chainName",
        "withdrawal_fee": "withdrawalMinFee",
        "withdrawal_rate": "withdrawFeeRate",
        "withdrawal_minimum": "withdrawalMinSize",
        "deposit_minimum": "depositMinSize",
        "withdraws": "isWithdrawEnabled",
        "deposits": "isDepositEnabled",
    },
):
    """A network of a coin. The fee grows with the amount where ``withdrawal_rate`` is above zero.

    Fees of deposits are not told.
    """

    network: wire.Name
    withdrawal_fee: wire.OrZero | None = None
    withdrawal_rate: Rate | None = None
    withdrawal_minimum: wire.OrZero | None = None
    deposit_minimum: wire.OrZero | None = None
    withdraws: bool | None = None
    deposits: bool | None = None


class CurrencyRow(Struct, frozen=True):
    """A coin; those that are only listed have no networks."""

    currency: wire.Name
    chains: list[ChainRow] | None


ROWS = Decoder(list[Raw])
CURRENCY = Decoder(CurrencyRow, strict=False)


def wallets_of(content: Raw) -> list[Wallet]:
    """Read the wallets; a coin that cannot be read is left out.

    Raises:
        ValueError: none can.

    """
    coins = readable(ROWS.decode(content), CURRENCY)
    return [_wallet(coin.currency, chain) for coin in coins for chain in coin.chains or ()]


def _wallet(code: str, chain: ChainRow) -> Wallet:
    is_flat = not chain.withdrawal_rate
    return Wallet(
        venue="kucoin",
        code=Instrument.of(code, "").base,
        network=chain.network,
        withdrawal_fee=chain.withdrawal_fee if is_flat else None,
        withdrawal_minimum=chain.withdrawal_minimum,
        withdraws=chain.withdraws,
        deposit_minimum=chain.deposit_minimum,
        deposits=chain.deposits,
        source=SOURCE,
    )
