"""Decide from policy, receipt and time what may be recorded; pure, `now` is an argument."""
