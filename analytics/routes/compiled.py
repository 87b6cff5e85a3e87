"""The search, compiled by numba: the same lines, over NumPy's arrays.

What is compiled is kept on disk, in a directory named by what it was compiled from: numba by itself
looks at one file alone and would take old code for new. To compile takes some ten seconds, once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, Protocol, cast

import numba
import numpy as np
from numba import types
from numba.experimental import structref
from numba.extending import register_jitable

from analytics.routes import arrays, bounds, kept, search, steps, walks
from analytics.routes.arrays import Arrays, Floats, Ints, Make, Room, Terms, Tops, new_arrays
from analytics.routes.kernels import Kernel

_SOURCES = (arrays, steps, bounds, kept, walks, search)


@structref.register
class _ArraysType(types.StructRef):
    """What numba knows `Arrays` as: one thing to hand over rather than a field each."""


class _CompiledArrays(structref.StructRefProxy):
    """`Arrays` as compiled code holds them; the fields are the same memory."""


structref.define_proxy(  # type: ignore[no-untyped-call]  # numba has no types here
    _CompiledArrays, _ArraysType, list(Arrays._fields)
)


@cache
def compiled() -> Kernel:
    """Return the search, compiled or read from disk; every later call returns the same."""
    for module in _SOURCES:
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                register_jitable(function)
    with _kept_on_disk() as jit:
        kernel = Kernel(
            make=_Vectors(),
            hold=jit(_hold),
            set_market=jit(search.set_market),
            set_markets=jit(search.set_markets),
            set_move=jit(search.set_move),
            seek=jit(search.seek),
            add_cash=jit(search.add_cash),
        )
    _call_once(kernel)
    return kernel


def _hold(*fields: object) -> Any:
    return _CompiledArrays(*fields)  # type: ignore[no-untyped-call]  # numba has no types here


def _call_once(kernel: Kernel) -> None:
    """Compile now, over a market that is empty, not when the first price comes."""
    room = Room(venues=1, assets=1, cash=1, markets=1, routes=1, walks=1, rises=1)
    terms = Terms(legs=2, free=0, most=1, patience=1, above=1.0)
    empty = new_arrays(room, terms, kernel.make)
    empty.ring[1] = empty.edge_of[1] = 1
    held = kernel.hold(*empty)
    kernel.set_market(held, 0, 0.0, 0.0)
    kernel.set_markets(held, _no_tops(kernel.make), 0, 0)
    kernel.set_move(held, 0, 0, 0, 0)
    kernel.seek(held, 0)
    kernel.add_cash(held, 0)


def _no_tops(make: Make) -> Tops:
    none, nothing = make.ints(1), make.floats(1)
    return Tops(none, none, nothing, nothing, none, none, none, none, make.ints(2))


@contextmanager
def _kept_on_disk() -> Iterator[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Give a compiler that keeps its work, where there is a directory to keep it in."""
    config = cast("_Config", numba.config)
    before = config.CACHE_DIR
    directory = _directory(before)
    if directory is None:
        yield numba.njit
        return
    config.CACHE_DIR = str(directory)
    try:
        yield numba.njit(cache=True)
    finally:
        config.CACHE_DIR = before


def _directory(chosen: str) -> Path | None:
    """Return the first of three places that may be written: as chosen, beside this, the user's."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in (__file__, *(module.__file__ for module in _SOURCES)):
        digest.update(Path(str(source)).read_bytes())
    name = f"routes-{digest.hexdigest()[:16]}"
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptotracker"
    for place in (chosen, Path(__file__).parent / "__pycache__", users):
        directory = Path(place) / name
        if place and _is_writable(directory):
            return directory
    return None


def _is_writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


class _Config(Protocol):
    CACHE_DIR: str


class _Vectors:
    """See `Make`."""

    def ints(self, size: int, fill: int = 0) -> Ints:
        return cast("Ints", np.full(size, fill, dtype=np.int64))

    def floats(self, size: int) -> Floats:
        return cast("Floats", np.zeros(size))
