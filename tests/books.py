"""Whether the books balance: of a part, or of a whole system as `/v1/status` shows it."""

from collections.abc import Mapping
from typing import Any

from infrastructure.books import BALANCES, differences


def assert_kept(counts: Mapping[str, int], *balances: str) -> None:
    """Assert that a part keeps these balances (all that it has accounts of) and they balance."""
    found = differences(counts)
    assert set(found) >= set(balances), f"no accounts of {set(balances) - set(found)}: {counts}"
    wrong = {name: amount for name, amount in found.items() if amount}
    assert not wrong, f"{wrong} of {dict(counts)}"


def assert_balanced(status: Mapping[str, Any]) -> None:
    """Assert that the books of a system balance, part by part and in all.

    Args:
        status: The answer of `/v1/status`, or the ``data`` in it.

    """
    told = status.get("data", status)
    parts = [actor for actor in told["actors"] if actor["counts"]]
    assert parts, "no part tells its books"
    for part in parts:
        wrong = {name: amount for name, amount in differences(part["counts"]).items() if amount}
        assert not wrong, f"{part['actor']} of {part['process']}: {wrong} of {part['counts']}"
    assert told["books"]["balanced"], told["books"]
    known = {balance.name for balance in BALANCES}
    assert {row["name"] for row in told["books"]["balances"]} <= known
