"""What holds for all tests."""

from hypothesis import settings

# how long an example takes says more about the machine than about the code; speed is measured in benchmarks/
settings.register_profile("kenpo", deadline=None)
settings.load_profile("kenpo")
