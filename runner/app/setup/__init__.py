"""Settings of other programs, and job files to begin with."""
