"""The web console: server-rendered pages over the rooms' access functions and verbs."""
