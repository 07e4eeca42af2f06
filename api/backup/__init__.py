"""Copies of a ledger's files that belong together, put back, and held against what was published."""
