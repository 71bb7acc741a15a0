"""The demo: sets everything up, then drives the platform from outside, over HTTP only."""
