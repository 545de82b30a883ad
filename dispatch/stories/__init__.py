"""One signal's life, put together from the topics."""
