"""Backtests of routes: recorded quotes and books in, what taking their routes brought out.

    Tape ──Replay (live board, strategy)──▶ takes ──Desk (latency, funds)──▶ outcomes ──▶ figures

One replay decides, and every desk carries the same takes out with a latency of its own, so that
what is kept of the edge by latency is comparable. A desk has a `Floor` (books, funds, what is due
when), a `Rebalancer` that puts back what drifted, and a `Journey` for each route whose coins are
sent from venue to venue.
"""
