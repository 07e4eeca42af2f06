"""What follows the log: the views, and automations that answer a fact with a command."""
