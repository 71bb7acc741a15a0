"""Calls of Interlock to itself, by which the kill switch and the policy prove that they hold. Nothing leaves."""
