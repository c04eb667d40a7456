"""What is decided: pure functions from a state and a moment to a decision.

Nothing here knows a clock, a loop, a database, a socket or a log; a moment is handed in as
integer milliseconds since the epoch (UTC), and chance as a number in [0, 1).
"""
