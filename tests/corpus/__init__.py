"""What was written down before the rules that it judges."""
