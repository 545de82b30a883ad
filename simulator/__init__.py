"""An Alpaca-compatible paper venue: synthetic or recorded market, no keys, no internet."""
