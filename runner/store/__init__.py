"""Durable state: batches, jobs, results, the ledger and its windows, in one SQLite file."""
