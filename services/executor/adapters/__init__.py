"""The executor's ports over Alpaca and Postgres."""
