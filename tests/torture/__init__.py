"""Many writers, several sequencers, kill -9 at random: the record has one history, without a gap, a loss or a double,
and nobody raises a false alarm. `make torture` does it for ten minutes; the suite plays a few seeds.
"""
