"""Books: of each part, what came in equals what became of it, at any moment and after any fault.

Each account is a number of the part's ``counts``. Those in `HELD` say what is in hand now, all
others only rise. A balance holds for every part that has its accounts:

frames    a venue's frames and answers of services that are polled, and what became of them
letters   frames, answers and rows of answers that were refused, each a letter to be put aside
events    what was read in frames and answers or told beside, and what became of it
bus       what a process handed to the bus
mailbox   what an actor was handed by its mailbox
store     what the writer handled
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Balance(NamedTuple):
    """One equation between accounts: the sum of ``came`` equals the sum of ``became``."""

    name: str
    came: tuple[str, ...]
    became: tuple[str, ...]

    def is_kept_by(self, counts: Mapping[str, int]) -> bool:
        """Tell whether a part has these accounts."""
        return all(account in counts for account in (*self.came, *self.became))

    def difference(self, counts: Mapping[str, int]) -> int:
        """Return what came less what became of it: above zero, so many vanished."""
        came = sum(counts[account] for account in self.came)
        return came - sum(counts[account] for account in self.became)


BALANCES = (
    Balance(
        "frames",
        ("frames",),
        ("frames_read", "frames_quarantined", "frames_denied", "frames_cut_off", "frames_in_hand"),
    ),
    Balance("letters", ("letters",), ("letters_kept", "letters_lost", "letters_waiting")),
    Balance(
        "events",
        ("events_read", "events_told", "events_restored"),
        (
            "events_published",
            "events_known",
            "events_refused",
            "events_heeded",
            "events_cut_off",
            "events_owed",
            "events_in_hand",
        ),
    ),
    Balance("bus", ("published",), ("confirmed", "conflated", "waiting")),
    Balance("mailbox", ("received",), ("handled", "dead", "given_back", "in_hand")),
    Balance("store", ("handled",), ("stored", "expired", "skipped")),
)

HELD = frozenset(
    {
        "frames_in_hand",
        "letters_waiting",
        "events_owed",
        "events_in_hand",
        "waiting",
        "in_hand",
    }
)

ACCOUNTS: Mapping[str, str] = {
    "frames": "frames that came, and answers of services that are polled",
    "frames_read": "all of it was passed on",
    "frames_quarantined": "put aside whole: unreadable, or of what cannot be true",
    "frames_denied": "says that the venue turns us down or asks us to wait",
    "frames_cut_off": "came with what ended the connection; what it said is asked for again",
    "frames_in_hand": "is being passed on",
    "letters": "frames, answers and rows that were refused",
    "letters_kept": "safe with the dead letters",
    "letters_lost": "too many waited for the bus; the oldest were let go",
    "letters_waiting": "waits for the bus or is being put aside",
    "events_read": "read in frames and answers",
    "events_told": "said by us: gaps, listings, states of instruments",
    "events_restored": "trades that the process before had not passed on yet",
    "events_published": "handed to the bus",
    "events_known": "trades that were passed on before",
    "events_refused": "cannot be true; put aside with their frame or alone",
    "events_heeded": "states of an instrument that changed nothing",
    "events_cut_off": "were being handed over when their connection ended; the bus may have some",
    "events_owed": "trades that the bus did not take; they go before the next ones",
    "events_in_hand": "is being handed over",
    "published": "handed to the bus by this process",
    "confirmed": "safe with the bus",
    "conflated": "replaced by a newer one of its kind and market while the bus was behind",
    "waiting": "neither yet",
    "received": "events that a mailbox handed out, those that came again included",
    "handled": "done with",
    "dead": "dead-lettered",
    "given_back": "went back to the mailbox, which hands them out again",
    "in_hand": "is being handled",
    "stored": "written to the store",
    "expired": "came later than the store keeps such events, and were dropped",
    "skipped": "not for the store: open candles, more of a minute or stretch than one",
}
"""What each account counts."""


def differences(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the difference of every balance that a part keeps; 0: it balances."""
    return {
        balance.name: balance.difference(counts)
        for balance in BALANCES
        if balance.is_kept_by(counts)
    }


def added(parts: Iterable[Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Return the accounts of each balance, added over all parts that keep it."""
    sums: dict[str, Counter[str]] = {}
    for counts in parts:
        for balance in BALANCES:
            if balance.is_kept_by(counts):
                accounts = (*balance.came, *balance.became)
                sums.setdefault(balance.name, Counter()).update(
                    {account: counts[account] for account in accounts}
                )
    return {name: dict(sums[name]) for name in sums}


def total_differences(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the difference of each balance over all parts, each part's taken as its amount.

    So that one part's surplus does not hide what vanished at another.
    """
    totals: Counter[str] = Counter()
    for counts in parts:
        for name, difference in differences(counts).items():
            totals[name] += abs(difference)
    return dict(totals)
