"""The state of the queue and its forecasts."""
