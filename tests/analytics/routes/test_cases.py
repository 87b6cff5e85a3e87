"""States with known answers: our own, and those in the folder that CRYPTOTRACKER_CASES names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cryptotracker.state_answer import answer
from cryptotracker.state_file import read_state
from tests.analytics.routes.comparing import differences

OURS = sorted((Path(__file__).parent / "cases").glob("*.json"))
FOLDER = os.environ.get("CRYPTOTRACKER_CASES", "")
GIVEN = sorted(Path(FOLDER).rglob("*.json")) if FOLDER else []


@pytest.mark.parametrize("case", OURS, ids=lambda path: path.stem)
def test_our_cases_are_answered_as_worked_out(case: Path) -> None:
    expected = json.loads(case.read_bytes())["expect"]

    assert differences(expected, answer(read_state(case.read_bytes()))) == []


@pytest.mark.skipif(not GIVEN, reason="CRYPTOTRACKER_CASES names no folder with cases")
@pytest.mark.parametrize("case", GIVEN, ids=lambda path: path.stem)
def test_given_cases_are_answered_as_expected(case: Path) -> None:
    expected = json.loads(case.read_bytes())["expect"]
    found = answer(read_state(case.read_bytes()))
    if expected.pop("dropped_not_listed", False):
        expected.pop("dropped", None)
        found.pop("dropped")

    assert differences(expected, found) == []
