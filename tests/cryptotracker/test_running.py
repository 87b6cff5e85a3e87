"""A process that is told to stop and does not ends all the same, and says what did not end."""

from __future__ import annotations

import asyncio
import signal
import sys

from tests.processes import ROOT

HANGS = """
import asyncio
from cryptotracker.running import run_until_stopped

async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("not yet")

async def work():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stubborn(), name="stream.kraken")
        print("ready", flush=True)

run_until_stopped(work(), within_s=0.3)
"""


async def test_a_process_that_does_not_stop_is_ended_with_all_that_it_printed() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HANGS,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        out, errors = await process.communicate()

    assert process.returncode == 130
    assert out.decode() == "not yet\n"
    assert "did not stop within 0.3 s (stream.kraken did not end)" in errors.decode()
