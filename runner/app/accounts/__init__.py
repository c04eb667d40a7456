"""Accounts: their models, prices, credits and presets, and the clients that share them."""
