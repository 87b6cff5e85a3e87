"""What the search is run by: Python as it stands, or numba where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from analytics.routes import search
from analytics.routes.arrays import Arrays, Floats, Ints, Make, Tops

KernelName: TypeAlias = Literal["auto", "numba", "python"]


class Kernel(NamedTuple):
    """The ways into `analytics.routes.search`, what makes its arrays and what holds them.

    The search is handed what holds the arrays; they are the same memory.
    """

    make: Make
    hold: Callable[..., Arrays]
    set_market: Callable[[Arrays, int, float, float], int]
    set_markets: Callable[[Arrays, Tops, int, int], int]
    set_move: Callable[[Arrays, int, int, int, int], int]
    seek: Callable[[Arrays, int], int]
    add_cash: Callable[[Arrays, int], None]


def kernel_named(name: KernelName) -> Kernel:
    """Return what the name says; ``auto`` is numba where it is installed, else Python.

    Raises:
        ModuleNotFoundError: numba is asked for and is not installed.

    """
    if name == "python" or (name == "auto" and importlib.util.find_spec("numba") is None):
        return Kernel(
            make=_Lists(),
            hold=Arrays,
            set_market=search.set_market,
            set_markets=search.set_markets,
            set_move=search.set_move,
            seek=search.seek,
            add_cash=search.add_cash,
        )
    from analytics.routes.compiled import compiled  # noqa: PLC0415  # numba may not be there

    return compiled()


class _Lists:
    """See `Make`."""

    def ints(self, size: int, fill: int = 0) -> Ints:
        return [fill] * size

    def floats(self, size: int) -> Floats:
        return [0.0] * size
