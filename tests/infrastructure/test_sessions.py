"""How a session with the broker is kept: lost and built anew, refused, ended by a bug."""

import asyncio
from collections.abc import Sequence

import pytest

from infrastructure.bus.amqp.sessions import Sessions, beside
from market import BusUnavailableError, SettingsError
from tests.waiting import eventually


class Script:
    """A session for each error: it comes up, then raises; the one after them lasts."""

    def __init__(self, errors: Sequence[Exception], *, comes_up: bool = True) -> None:
        self.sessions = Sessions("test", self._serve)
        self._errors = list(errors)
        self._comes_up = comes_up

    async def _serve(self) -> None:
        if not self._errors:
            self.sessions.note_up()
            await asyncio.Event().wait()
        if self._comes_up:
            self.sessions.note_up()
        raise self._errors.pop(0)


async def test_session_that_is_lost_or_refused_later_is_built_anew() -> None:
    script = Script([BusUnavailableError("lost"), SettingsError("refused")])

    async with script.sessions.kept(within_s=5):
        await eventually(lambda: script.sessions.count == 3)

    assert not script.sessions.up.is_set()


async def test_first_session_is_waited_for_and_the_last_reason_told() -> None:
    script = Script([BusUnavailableError("away")] * 99, comes_up=False)

    with pytest.raises(BusUnavailableError, match=r"away \(tried for 0\.1 s\)"):
        async with script.sessions.kept(within_s=0.1):
            pass


async def test_refusal_of_the_first_session_is_told_at_once() -> None:
    script = Script([SettingsError("refused")], comes_up=False)

    with pytest.raises(SettingsError, match="refused"):
        async with script.sessions.kept(within_s=5):
            pass


async def test_bug_in_a_session_ends_what_stands_on_it() -> None:
    script = Script([BusUnavailableError("lost"), ZeroDivisionError("ours")])

    with pytest.raises(ZeroDivisionError, match="ours"):
        async with script.sessions.kept(within_s=5):
            await asyncio.Event().wait()


async def test_of_two_errors_at_once_the_first_is_raised_and_the_other_noted() -> None:
    async def watch() -> None:
        raise BusUnavailableError("seen here")

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise BusUnavailableError("seen there")

    with pytest.raises(BusUnavailableError, match="seen here") as raised:
        async with beside(watch(), name="test"):
            await work()

    assert raised.value.__notes__ == ["Beside it failed: BusUnavailableError('seen there')"]


async def test_error_keeps_its_cause() -> None:
    cause = LookupError("why")

    with pytest.raises(ValueError, match="what") as raised:
        async with beside(asyncio.sleep(60), name="test"):
            raise ValueError("what") from cause

    assert raised.value.__cause__ is cause
