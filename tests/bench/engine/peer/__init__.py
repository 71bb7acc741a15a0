"""The peers, each as small as its documentation allows, run in an environment of their own (`make bench-engine`)."""
