"""Looks on while a replay runs: pace, halts, conditions, one decision at a time."""
