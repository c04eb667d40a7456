"""The outside world over HTTP: presets as data, wire formats, and a simulator of our own."""
