"""What a call costs, who pays, and what is left: usage, prices, budgets, rate limits, cost per ticket."""
