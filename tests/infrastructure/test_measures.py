from infrastructure.measures import EVENTS, Measure, Spread, merged


def test_what_two_measure_under_one_name_is_added_up() -> None:
    first, second = Spread(EVENTS), Spread(EVENTS)
    first.note(3)
    second.note(3)
    second.note(700)
    told = [
        Measure("batch_events", first, ("writer",)),
        Measure("lead_held", 1, ("writer",)),
        Measure("batch_events", second, ("writer",)),
        Measure("lead_held", 2, ("writer",)),
        Measure("lead_held", 5, ("candles",)),
    ]

    *numbers, spread = merged(told)

    assert numbers == [Measure("lead_held", 3, ("writer",)), Measure("lead_held", 5, ("candles",))]
    assert isinstance(spread.value, Spread)
    assert (spread.value.total, spread.value.buckets()[-1]) == (706, ("+Inf", 3))
    assert first.total == 3
