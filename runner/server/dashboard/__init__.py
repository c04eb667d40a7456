"""The dashboard of `midnight serve`: pages for a browser, kept live by server-sent events."""
