"""Slack messages, approval cards and request signatures."""
