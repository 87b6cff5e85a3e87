"""The page's files on disk: weight, texts, vendored files. No browser is needed."""

import gzip
import hashlib
import re
from collections.abc import Collection
from pathlib import Path

import pytest

from analytics.routes.flags import FLAGS
from scripts.vendor_web import VENDOR, vendored_files
from tests.web.fake_api import WEB

SERVED = {".html", ".css", ".js", ".mjs", ".svg"}
LATER = {
    "lightweight-charts.mjs",
    "drawing.js",
    "chart.js",
    "candles.js",
    "gaps.js",
    "records.js",
    "board.js",
    "bars.js",
    "prices.js",
    "detail.js",
    "curve.js",
    "premium.js",
    "advice.js",
    "marks.js",
    "help.js",
}  # by import()
ASKED_FOR = {"records.js", "premium.js", "advice.js", "marks.js", "help.js", "bars.js"}
KILOBYTE = 1000


def weight(*, without: Collection[str]) -> int:
    """Return bytes, compressed one by one as they are served."""
    files = [path for path in WEB.rglob("*") if path.suffix in SERVED]
    return sum(len(gzip.compress(path.read_bytes())) for path in files if path.name not in without)


def texts(language: str) -> dict[str, str]:
    source = (WEB / f"{language}.js").read_text(encoding="utf-8")
    return dict(re.findall(r'^  (\w+): "(.*)",$', source, re.MULTILINE))


def modules() -> list[Path]:
    return [path for path in WEB.glob("*.js") if path.stem not in {"en", "ko"}]


@pytest.mark.parametrize("other_language", ["en.js", "ko.js"])
def test_a_visit_weighs_less_than_its_budget(other_language: str) -> None:
    assert weight(without={other_language, *ASKED_FOR}) <= 120 * KILOBYTE


def test_routes_are_shown_before_the_chart_is_loaded() -> None:
    assert weight(without=LATER | {"en.js"}) <= 45 * KILOBYTE


def test_both_languages_say_the_same_things() -> None:
    english, korean = texts("en"), texts("ko")

    assert list(english) == list(korean)
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", korean[key])), key


def test_every_flag_of_a_route_has_a_text_and_a_short_one() -> None:
    for language in ("en", "ko"):
        known = texts(language)
        assert [flag for flag in (*FLAGS, "stale") if f"flag_{flag}" not in known] == []
        assert [flag for flag in (*FLAGS, "stale") if f"short_{flag}" not in known] == []


def test_every_text_is_used() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules())
    kinds = tuple(f"{kind}_" for kind in re.findall(r'named\("(\w+)"', source))

    unused = [key for key in texts("en") if f'"{key}"' not in source and not key.startswith(kinds)]
    assert unused == []


def test_vendored_files_are_what_npm_published() -> None:
    rows = list(vendored_files((VENDOR / "README.md").read_text(encoding="utf-8")))

    assert {row.file for row in rows} == {path.name for path in VENDOR.iterdir()} - {
        "README.md",
        "NOTICE",
    }
    for row in rows:
        assert hashlib.sha256((VENDOR / row.file).read_bytes()).hexdigest() == row.sha256, row.file


def test_every_module_asks_to_be_type_checked() -> None:
    assert [
        path.name for path in modules() if not path.read_text().startswith("// @ts-check")
    ] == []


def test_the_page_needs_no_other_server() -> None:
    for path in [*modules(), WEB / "index.html", WEB / "style.css"]:
        found = re.findall(r"https?://[^\"'\s)]+", path.read_text(encoding="utf-8"))
        assert set(found) <= {"https://www.tradingview.com/"}, path.name
