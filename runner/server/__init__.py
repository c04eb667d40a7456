"""`midnight serve`: OpenAI's API for other programs, over the allowance of the accounts."""
