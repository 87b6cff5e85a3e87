"""What the figures of a replay of routes are, in words, each by its name; money in dollars."""

from __future__ import annotations

DEFINITIONS: dict[str, str] = {
    "taken": "routes that the strategy took",
    "filled": "those whose orders all got all that they asked for",
    "partial": "those of which an order got a part, or one got all and another nothing",
    "missed": "those of which no order got anything",
    "seen_usd": "edge seen: what the taken routes promised, fees and depth paid, when taken",
    "kept_usd": "edge kept: what their orders brought, each asset at its worth when the last order "
    "was done; without what a route leaves over between two legs, which it counts as lost",
    "kept_share": "edge kept / edge seen",
    "fill_share": "what orders took in / what they were to take in, of routes that were sent",
    "fees_usd": "fees of all fills, at the worth of when their route was done",
    "unfunded": "routes missed, or taken for a share, for want of funds; and what was seen of the "
    "edge that was not taken so",
    "unfunded_without": "the same without rebalancing, of the same routes",
    "rebalanced": "transfers that put back what drifted: how many, their fees at the worth of when "
    "they were sent (else in the end), how long one took in the mean",
    "carried": "the same of transfers that are legs of routes; what they cost is in the edge kept",
    "coming_usd": "what is on its way between venues in the end, at its worth then",
    "blocked": "transfers that were wanted and of which nobody says that they are open",
    "drift_usd": "what would have to be moved to lie as at the start: all that is more somewhere "
    "than it was there, at its worth in the end",
    "gain_usd": "change of all balances, at their worth in the end; what is on its way counts as "
    "arrived, here and in the drift",
    "gain_usd_without": "the same without rebalancing, of the same routes",
    "missing": "why routes were not filled whole, each by the leg that got least",
}
"""What each figure is."""

REASONS: dict[str, str] = {
    "price": "no level was as good as the worst price of the route",
    "depth": "the levels that were held less than was asked for, or were taken by another route",
    "minimum": "what could be had was below the least that may be traded",
    "balance": "funds were missing",
    "no_way": "nobody says that what was bought can be sent on",
    "in_flight": "the same route was on its way already",
    "tape_ended": "the recording ended before the order arrived",
    "stale": "the newest book was too old",
    "gap": "the book was from before a break, or crossed",
    "silent": "the venue had fallen silent",
    "closed_market": "the venue had halted the market",
}
"""What each reason means; others are states of a venue."""
