"""Sequences for what venues do not number: times of receipt in, numbers that always rise out."""

from collections.abc import Callable


def rising() -> Callable[[int], int]:
    """Return a function that numbers by the time of receipt, in nanoseconds, and always rises.

    It is a closure for being called with most events: an attribute of an object costs twice.
    """
    last = 0

    def number(received_ns: int) -> int:
        nonlocal last
        last = received_ns if received_ns > last else last + 1
        return last

    return number
