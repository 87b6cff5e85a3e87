"""What is traded with."""

import msgspec

BPS = 10_000.0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Capital in the quote currency, fee and slippage of each fill."""

    capital: float = 10_000.0
    fee_bps: float = 10.0
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            ValueError: capital is not above zero, or a rate is not from 0 to 9,999.

        """
        if not 0.0 < self.capital < float("inf"):
            raise ValueError(f"a capital of {self.capital:g} is none; it must be above zero")
        for name, rate in (("fee_bps", self.fee_bps), ("slippage_bps", self.slippage_bps)):
            if not 0.0 <= rate < BPS:
                raise ValueError(f"{name} is {rate:g}; it must be from 0 to less than 10,000")
