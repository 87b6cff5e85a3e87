"""From the times that a client writes to nanoseconds since the epoch."""

import re
from datetime import UTC, datetime

from api_service.rows import S

TIME_PATTERN = (
    r"^(now|-[0-9]{1,6}[smhd]"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)$"
)
"""``now``, ``-1h``, ``2026-11-20`` or RFC 3339; without a zone it is UTC."""

LATEST_NS = 9_000_000_000 * S
"""The year 2255; what lies later does not fit the stores."""

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def read_time(text: str, now_ns: int) -> int:
    """Read a time, held between the epoch and what a store can count to.

    Raises:
        ValueError: it is none of the forms in `TIME_PATTERN`, or no day of the calendar.

    """
    if not re.match(TIME_PATTERN, text):
        raise ValueError(f"a time is now, -1h, 2026-11-20 or 2026-11-20T12:00:00Z, not {text!r}")
    if text == "now":
        return now_ns
    if text.startswith("-"):
        return max(0, now_ns - int(text[1:-1]) * _UNITS_S[text[-1]] * S)
    fraction = re.search(r"\.(\d+)", text)
    moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    nanoseconds = int(fraction[1].ljust(9, "0")) if fraction else 0
    return min(max(0, int(moment.timestamp()) * S + nanoseconds), LATEST_NS)
