"""The outside world over HTTP: presets as data, and wire formats."""
