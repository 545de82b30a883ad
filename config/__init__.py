"""The numbers of the strategy, in one place."""
