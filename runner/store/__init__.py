"""Durable state in one SQLite file: batches, jobs, results, the ledger and its windows."""
