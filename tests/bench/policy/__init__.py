"""What a decision costs: the embedded engine, a real OPA server over loopback, the whole enforcement point, replays."""
