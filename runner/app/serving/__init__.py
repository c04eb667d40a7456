"""The operations for clients of `midnight serve`: calls, files, batches, the model list."""
