"""The public API, `/v1`. Views parse, call one verb or one access function, and render."""
