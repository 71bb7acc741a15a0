"""`fsck`: everything of the record that can be derived is derived again from its bytes and compared.

It reads in one snapshot per tenant, so it may run while everybody writes. What it finds is a closed table of codes.
"""
