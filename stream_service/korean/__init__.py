"""The protocol of Upbit, which Bithumb speaks too: frames and answers in, events out.

Source: https://docs.upbit.com/kr/reference/websocket-guide and the pages beside it

An instrument is a code such as ``KRW-BTC``, the quote currency first. Every book frame is whole and
replaces the last; the levels that it lacks are filled up with zeros. There is no channel of best
bids and asks: a quote is the first level of the book. Nothing is numbered but trades, by numbers
that tell them apart and not their order. Frames come with long keys (the format ``DEFAULT``), with
short ones (``SIMPLE``), or as arrays of such (``JSON_LIST``, ``SIMPLE_LIST``); REST answers have
the long keys, but say ``market`` for the code and come newest first.
"""
