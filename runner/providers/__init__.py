"""The outside world over HTTP: presets as data, transports, wire formats, rate-limit headers."""
