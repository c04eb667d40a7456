"""How long a test waits for what other threads and processes do."""

# It ends what hangs, and says nothing of speed: a loaded machine may be twenty times as slow.
PATIENCE_S = 120
PATIENCE_MS = 1000 * PATIENCE_S
