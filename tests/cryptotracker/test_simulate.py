"""`cryptotracker simulate`: faults come by themselves where they are asked for, or by hand."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx2

from stream_service.simulator.faults import FAULTS
from tests.cryptotracker.test_command_line import command, outcome
from tests.processes import free_port


async def test_faults_come_by_themselves_and_by_hand(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    words = ("simulate", address, "--fault-every", "0.05", "--seed", "3")

    async with command(*words, folder=tmp_path, venues="kraken") as process:
        assert process.stderr is not None
        log = b""
        async with asyncio.timeout(30):
            while log.count(b"simulator.fault") < 2:
                log += await process.stderr.readline()
        async with httpx2.AsyncClient(trust_env=False) as http:
            known = await http.get(f"http://{address}/faults/kraken/garbage")
            unknown = await http.get(f"http://{address}/faults/kraken/earthquake")
            nowhere = await http.get(f"http://{address}/faults/krakn/garbage")
            never = await http.get(f"http://{address}/faults/kraken/silence?seconds=nan")

    assert (known.status_code, known.text) == (200, "kraken: garbage\n")
    assert unknown.status_code == 404
    assert (nowhere.status_code, nowhere.text) == (404, "there is no venue 'krakn': kraken\n")
    assert (never.status_code, never.text[:16]) == (400, "seconds is 'nan'")


async def test_help_names_every_fault(tmp_path: Path) -> None:
    _, out, _ = await outcome("simulate", "--help", folder=tmp_path)

    words = set(re.findall(r"[a-z][a-z-]+", out))
    assert set(FAULTS) <= words
