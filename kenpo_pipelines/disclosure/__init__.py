"""Disclosure control: which counts of persons a public edition hides, so that nobody can work them out.

What lives here, in the order of use: ``persons`` (which KPIs count persons, from ``persons.yml``), ``figures``
(published figures as a table of counts and of what a reader can calculate from them), ``tables`` (that table as linear
arithmetic), ``suppression`` (what to hide, and its guarantee), ``worlds`` (tables that might be the true one). What does
not: scorecards and words; ``scorecards.public_edition`` applies it. Why: docs/decisions/026.
"""
