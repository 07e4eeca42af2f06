"""The subcommands of `ledger audit`."""
