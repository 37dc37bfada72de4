"""Tests a deployed stack with a device of a trial CA, link by link. See docs/decisions/trial-ca.md."""
