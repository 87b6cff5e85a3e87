"""Connections to a broker that is not there; those to one that is are tested with the bus."""

import asyncio
import contextlib
import gc
import logging
import warnings

import pytest

from infrastructure.bus.amqp.broker import Broker
from market import BusUnavailableError

NOBODY = "amqp://me:canary@127.0.0.1:9/"
"""An address of loopback where nobody listens."""


async def test_a_connection_that_failed_leaves_nothing_behind_wherever_it_is_collected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, logger="aiormq")  # or the record would hold on to it
    broker = Broker(NOBODY)
    gc.collect()

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        gc.disable()
        try:
            await _connect_in_vain(broker)
            await asyncio.to_thread(gc.collect)
        finally:
            gc.enable()

    assert [str(warning.message) for warning in seen] == []


async def _connect_in_vain(broker: Broker) -> None:
    with contextlib.suppress(BusUnavailableError):  # pytest.raises would hold on to it too
        async with broker.link("test"):
            pass
