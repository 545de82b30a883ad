"""What all stages agree on: words of the trade, contracts, the stream shell and the runtime."""
