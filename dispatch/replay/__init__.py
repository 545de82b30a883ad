"""Decides again what was decided, from the log, and shows what differs."""
