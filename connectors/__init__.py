"""The only way out: the gateway and the drivers behind it."""
