"""A process of its own that runs the command once and tells what came after its imports."""

from __future__ import annotations

import sys
import time

from cryptotracker.cli import app


def main() -> None:
    """Run ``cryptotracker backtest`` with the arguments; print seconds of clock and processor."""
    begun_s, used_s = time.perf_counter(), time.process_time()
    app(["backtest", *sys.argv[1:]], standalone_mode=False)
    sys.stderr.write(f"{time.perf_counter() - begun_s} {time.process_time() - used_s}\n")


if __name__ == "__main__":
    main()
