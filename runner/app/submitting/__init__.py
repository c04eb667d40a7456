"""A job file and a dataset become a batch."""
