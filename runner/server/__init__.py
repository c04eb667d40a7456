"""The server of `midnight serve`: OpenAI's API on top of the accounts' allowance."""
