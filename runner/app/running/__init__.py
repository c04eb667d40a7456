"""A run: the engine, and what accompanies it, such as outputs, events and notifications."""
