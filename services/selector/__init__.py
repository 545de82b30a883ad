"""Selector: reads a Signal, writes a Selection (the best contract of the chain) or a Rejection with typed reasons."""
