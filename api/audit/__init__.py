"""What auditors ask for: state as it was, differences, facts found; and the record of what they read."""
