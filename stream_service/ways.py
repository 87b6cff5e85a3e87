"""Ways from a frame to its events, by which sessions read what comes most.

A session looks up the way of a frame by a letter in it and goes it right there: a call more for
each frame would cost a twentieth of reading it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from market import Event

Tell: TypeAlias = Callable[[Any, int], Sequence[Event]]
"""Tells the events of what its decoder gave, and of the time of receipt."""

Way: TypeAlias = tuple[Callable[[bytes], Any], Tell]
"""Decodes a frame, and tells the events of what that gave."""
