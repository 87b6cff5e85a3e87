"""What moving a coin out of a venue or into it costs there, as the venue or somebody else says."""

from datetime import date
from typing import Annotated, TypeAlias

import msgspec

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e18)]


class Wallet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of one network at one venue. None: nobody says.

    Fees and minimums are amounts of the coin. ``code`` is the venue's own code of it; ``network``
    is empty where the terms are those of every network. ``deposit_fee`` is taken from what arrives,
    ``withdrawal_fee`` from what is sent. ``minutes`` usually pass from an order to pay out until
    the amount can be sold elsewhere.

    ``source`` says where this was read, ``checked`` on which day; ``assumed``: sources differ, or
    nobody looked at the venue's own.
    """

    venue: str
    code: str
    network: str = ""
    withdrawal_fee: Amount | None = None
    withdrawal_minimum: Amount | None = None
    withdraws: bool | None = None
    deposit_fee: Amount | None = None
    deposit_minimum: Amount | None = None
    deposits: bool | None = None
    minutes: Amount | None = None
    source: str
    checked: date | None = None
    assumed: bool = False
