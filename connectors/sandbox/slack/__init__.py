"""Slack: Web API methods over stateful channels, and people who click cards.

Sources: docs.slack.dev (methods, Block Kit limits, "Verifying requests from Slack"), slack_sdk 3.47,
slack-bolt 1.30.
"""
