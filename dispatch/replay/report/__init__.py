"""Tells what a replay found: terminal, JSON, a page."""
