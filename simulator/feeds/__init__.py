"""The market data streams: what a client may ask, what the market then tells it."""
