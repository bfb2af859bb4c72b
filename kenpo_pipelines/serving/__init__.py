"""The serving database: what branches, councils and analysts read, published month by month.

What lives here: its tables (``schema``), their migrations (``migrate``, ``migrations/``), connections and faults
(``database``, ``faults``), publishing a month (``rows``, ``publish``) and reading it back (``queries``). What does not:
judging (``catalogue``) and anything record-level: the lake keeps records, this database keeps results.
"""
