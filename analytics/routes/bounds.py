"""The best steps in; what no walk of so many legs can pay more than out.

Runs as it stands and compiled, as `analytics.routes.steps` does.
"""

from analytics.routes.arrays import CASH, MOST_STEP, RISES, Arrays


def sync(a: Arrays, direction: int, end: int) -> None:
    """Make the bounds of the walks that end there hold: no walk pays more.

    Steps that rose since the last time are carried in. What fell is left, so bounds grow loose;
    once that has cost as much vain search as finding them anew does, that is done.
    """
    this = direction * a.cash + end
    new = a.counts[RISES] - a.synced[this]
    a.synced[this] = a.counts[RISES]
    if new > min(len(a.rises), a.counts[CASH] ** 2) or a.vain[this] > a.counts[CASH]:
        a.vain[this] = 0
        _find(a, direction, end)
    elif new:
        _carry(a, direction, end, new)


def _find(a: Arrays, direction: int, end: int) -> None:
    """Find all bounds anew, shorter walks first."""
    bound = (direction * a.cash + end) * a.legs * a.cash
    for i in range(bound, bound + a.legs * a.cash):
        a.bound[i] = 0.0
    a.bound[bound + end] = 1.0
    for legs in range(1, a.legs):
        for node in range(a.counts[CASH]):
            a.bound[bound + legs * a.cash + node] = a.bound[bound + (legs - 1) * a.cash + node]
        for step in range(1, min(MOST_STEP, legs) + 1):
            for far in range(a.counts[CASH]):
                if a.bound[bound + (legs - step) * a.cash + far] > 0.0:
                    _lengthen(a, direction, bound, legs, step, far)


def _lengthen(a: Arrays, direction: int, bound: int, legs: int, step: int, far: int) -> None:
    steps = (((1 - direction) * MOST_STEP + step - 1) * a.cash + far) * a.cash
    longer = bound + legs * a.cash
    rate = a.bound[longer - step * a.cash + far]
    for near in range(a.counts[CASH]):
        paid = a.best[steps + near] * rate
        a.bound[longer + near] = max(a.bound[longer + near], paid)


def _carry(a: Arrays, direction: int, end: int, new: int) -> None:
    """Raise bounds by the newest rises, and then whatever rests on those, shorter walks first."""
    bound = (direction * a.cash + end) * a.legs * a.cash
    for n in range(a.counts[RISES] - new, a.counts[RISES]):
        _carry_step(a, direction, bound, a.rises[n % len(a.rises)])
    for legs in range(2, a.legs):
        for shorter in range(max(1, legs - MOST_STEP), legs):
            for i in range(a.raised_count[shorter]):
                _carry_far(a, direction, bound, legs, shorter, a.raised[shorter * a.cash + i])
    for legs in range(1, a.legs):
        for i in range(a.raised_count[legs]):
            a.is_raised[legs * a.cash + a.raised[legs * a.cash + i]] = 0
        a.raised_count[legs] = 0


def _carry_step(a: Arrays, direction: int, bound: int, pair: int) -> None:
    """Raise what a step that rose pays more than; longer walks pay no less than shorter ones."""
    bounds, cash, rate = a.bound, a.cash, a.best[pair]
    step, near, far = pair // (cash * cash) + 1, pair // cash % cash, pair % cash
    if direction == 1:
        near, far = far, near
    if (
        rate * bounds[bound + (a.legs - 1 - step) * cash + far]
        <= bounds[bound + step * cash + near]
    ):
        return
    for legs in range(step, a.legs):
        _raise(a, bound, legs, near, rate * bounds[bound + (legs - step) * cash + far])


def _carry_far(a: Arrays, direction: int, bound: int, legs: int, shorter: int, far: int) -> None:
    rate = a.bound[bound + shorter * a.cash + far]
    _raise(a, bound, legs, far, rate)
    steps = (((1 - direction) * MOST_STEP + legs - shorter - 1) * a.cash + far) * a.cash
    for near in range(a.counts[CASH]):
        paid = a.best[steps + near] * rate
        if paid > a.bound[bound + legs * a.cash + near]:
            _raise(a, bound, legs, near, paid)


def _raise(a: Arrays, bound: int, legs: int, near: int, rate: float) -> None:
    if rate <= a.bound[bound + legs * a.cash + near]:
        return
    a.bound[bound + legs * a.cash + near] = rate
    if not a.is_raised[legs * a.cash + near]:
        a.is_raised[legs * a.cash + near] = 1
        a.raised[legs * a.cash + a.raised_count[legs]] = near
        a.raised_count[legs] += 1
