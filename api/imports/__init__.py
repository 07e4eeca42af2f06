"""Files that bring catalogues, frameworks and results into the ledger, each as one unit."""
