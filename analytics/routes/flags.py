"""What keeps a route from being taken: the words of ``Route.why_not``, and what each one means.

A route is takeable when none of them holds.
"""

from typing import Literal, TypeAlias, get_args

Flag: TypeAlias = Literal[
    "no_profit",
    "too_small",
    "unpriced",
    "fx_comparison",
    "capital_controls",
    "market_closed",
    "transfer_closed",
    "transfer_unknown",
    "transfer_time_unknown",
    "transfer_risk",
    "fee_assumed",
    "skewed",
    "identity_unverified",
    "suspicious",
]

FLAGS: tuple[Flag, ...] = get_args(Flag)
"""In the order that a route lists them."""

MEANING: dict[Flag, str] = {
    "no_profit": "after fees it brings no more than it costs",
    "too_small": "what it brings is below a minimum, a lot or the floors of the settings",
    "unpriced": "nothing tells what its currency is worth in dollars, in which its limits are",
    "fx_comparison": "the way back between the two currencies is not part of it",
    "capital_controls": "it needs a currency to leave its country that may not leave freely",
    "market_closed": "a venue has halted one of its markets",
    "transfer_closed": "a venue does not pay out or take in the asset now",
    "transfer_unknown": "nobody says whether the asset can be transferred, or what that costs",
    "transfer_time_unknown": "nobody says how long the transfer takes",
    "transfer_risk": "while it is transferred the price moves by more than the route earns",
    "fee_assumed": "a fee is what others report, not what the venue says",
    "skewed": "its quotes are further apart in time than the settings allow",
    "identity_unverified": "a price is so far from all others' that it may be another coin",
    "suspicious": "it is too good to be true; it is put aside and counted",
}
