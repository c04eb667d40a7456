"""The decisions of the runner: pure functions from a state and a moment to a decision.

They use no clock, event loop, database, socket or log. Moments are arguments, as integer
milliseconds since the epoch (UTC); so are random numbers, in [0, 1).
"""
