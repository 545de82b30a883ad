"""Decides what is worth proposing: reads alerts from outside and the market's bars, writes `signals` and `evidence`."""
