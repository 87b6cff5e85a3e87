"""How hard the faults are: short ones at every run, whole ones with CRYPTOTRACKER_FAULTS=full."""

import os

import msgspec

VARIABLE = "CRYPTOTRACKER_FAULTS"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of each part of a fault, and trades a second meanwhile."""

    trades_per_s: float
    before_s: float
    after_s: float
    broker_down_s: float
    alarm_s: float
    store_down_s: float
    store_stopped_s: float
    full_disk_s: float
    service_down_s: float
    kills: int
    kill_every_s: float
    cut_s: float
    hang_ups: int
    hang_up_every_s: float
    stall_s: float
    shuffled_s: float
    slow_s: float
    slow_lag_s: float
    """How late trades may be stored over slow and thin wires."""

    slack_s: float
    """What a machine that does more than this may add to what is promised."""


SHORT = Form(
    trades_per_s=400,
    before_s=0.7,
    after_s=1.5,
    broker_down_s=2.0,
    alarm_s=3.0,
    store_down_s=2.0,
    store_stopped_s=3.0,
    full_disk_s=3.0,
    service_down_s=1.0,
    kills=3,
    kill_every_s=2.0,
    cut_s=8.0,
    hang_ups=6,
    hang_up_every_s=1.0,
    stall_s=8.0,
    shuffled_s=4.0,
    slow_s=4.0,
    slow_lag_s=10.0,
    slack_s=2.0,
)

FULL = Form(
    trades_per_s=5_000,
    before_s=10.0,
    after_s=20.0,
    broker_down_s=20.0,
    alarm_s=20.0,
    store_down_s=20.0,
    store_stopped_s=10.0,
    full_disk_s=10.0,
    service_down_s=5.0,
    kills=10,
    kill_every_s=6.0,
    cut_s=20.0,
    hang_ups=20,
    hang_up_every_s=3.0,
    stall_s=30.0,
    shuffled_s=30.0,
    slow_s=20.0,
    slow_lag_s=20.0,
    slack_s=0.0,
)

FORM = FULL if os.environ.get(VARIABLE) == "full" else SHORT
