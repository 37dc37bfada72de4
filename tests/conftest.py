"""What holds for every test."""

from hypothesis import settings

# How long an example takes says how busy the machine is, not whether the rule holds.
settings.register_profile("gatehouse", deadline=None)
settings.load_profile("gatehouse")
