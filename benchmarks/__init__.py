"""Figures of performance, as JSON: `make bench`. Compare within one run; absolute times depend on the machine."""
