"""A sample programme of a college, and the service on loopback around it."""
