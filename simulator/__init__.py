"""An Alpaca-compatible paper venue on a synthetic or recorded market: no keys, no internet."""
