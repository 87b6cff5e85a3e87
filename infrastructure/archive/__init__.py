"""The archive: days that are over, as Parquet files, on a disk or an S3-compatible store.

    <root>/<kind>/venue=<venue>/year=<YYYY>/<YYYY-MM-DD>.parquet    a day
    <root>/<kind>/venue=<venue>/year=<YYYY>/<YYYY>.parquet          days that were folded into it
    <root>/manifest/<YYYY-MM-DD>.jsonl                              what was verified of a day

A file is there whole or not at all. Where there is a file of a day, it is what counts for that
day, whatever the file of the year holds of it; so days can be folded, and mended later, while
others read. The columns are the fields of the event, the instrument parted in two; rows are in
order of instrument, interval and time.
"""
