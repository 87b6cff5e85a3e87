"""Work of a thread in turns: while it holds the interpreter, the event loop waits."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

TURN = 256
"""Events or rows of a turn, some tenths of a millisecond."""


def in_turns(items: Iterable[T]) -> Iterator[T]:
    """Give up the interpreter now and then: whoever waits for it gets it at once."""
    for number, item in enumerate(items):
        if number % TURN == 0:
            let_others()
        yield item


def let_others() -> None:
    """Give up the interpreter for a moment, from within a thread."""
    time.sleep(0)
