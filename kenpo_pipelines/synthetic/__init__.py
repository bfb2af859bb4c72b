"""Realistic submissions with known results: ``kenpo synth``.

What lives here: the profile (sizes and rates, published where they are), one module per dataset, the ways in which real files
are dirty, and the true KPI values of what was written. What does not: anything that the pipeline computes with. Truth and
pipeline share contracts (headers, allowed values) and the catalogue (which KPI is in force), and no way of computing.

Everything written is made up and says so: every file's name begins with ``synthetic-``.
"""
