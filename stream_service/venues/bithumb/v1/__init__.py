"""Bithumb's first stream (API 1.2.0), which recordings hold: frames in, events out.

Source: https://apidocs.bithumb.com/v1.2.0/reference/빗썸-거래소-정보-수신

Symbols are ``BTC_KRW``, the base currency first; here they are turned into the codes of the later
stream. Numbers come as strings, dates and times are those of Korea (UTC+9) and do not say so.
Trades have no number, so one is made of what they are: the same frame always gives the same. Books
start from a snapshot and follow changes that nothing numbers: a lost one shows when bids and asks
meet, and only the next snapshot heals that.
"""
