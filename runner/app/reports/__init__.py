"""Reports of the ledger."""
