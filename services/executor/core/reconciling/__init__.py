"""The ledger held against the venue: what moved, what explains it, and what nothing explains. Pure."""
