"""A whole scaled ledger, seen from outside, while everything under it fails."""
