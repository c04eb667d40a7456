"""Talks to providers over HTTP: presets as data, transports, wire formats, rate-limit headers."""
