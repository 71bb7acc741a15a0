"""The gateway: the only door outward."""
