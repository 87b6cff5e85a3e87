import importlib.util

import pytest

from analytics.routes.kernels import kernel_named


def test_without_numba_the_search_runs_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    kernel = kernel_named("auto")

    assert kernel == kernel_named("python")._replace(make=kernel.make)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
def test_what_is_compiled_is_compiled_once() -> None:
    assert kernel_named("auto") is kernel_named("numba")
