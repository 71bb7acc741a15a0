"""Who may say yes to what, and what exactly they said yes to: requests, votes, tiers, quorum."""
