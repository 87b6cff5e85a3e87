"""What is kept by symbol and made when the symbol is first met."""

from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


class Keyed(dict[str, Made]):
    """Things by symbol.

    Args:
        make: Makes the thing of a symbol; what it raises, such as the KeyError of a symbol that
            nobody knows, is raised to whoever asked, and nothing is kept.

    """

    def __init__(self, make: Callable[[str], Made]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, symbol: str) -> Made:
        """Make one."""
        made = self[symbol] = self._make(symbol)
        return made
