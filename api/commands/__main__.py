"""`python -m api.commands` is `ledger`."""

from __future__ import annotations

from api.commands import main

main(prog_name="ledger")
