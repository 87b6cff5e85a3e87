"""The shipped strategies compiled, for those who try many parameters: the same figures, sooner.

It needs numba (the extra ``fast``). Each compiled form is held against its object on the newest
candles before it is used; whichever differs is not used at all.
"""

from analytics.backtest.compiled.forms import Form, FormDiffersError, compiled_form

__all__ = ["Form", "FormDiffersError", "compiled_form"]
