"""Files that bring catalogues, frameworks and results into the ledger, each previewed, recorded and reported as one unit."""
