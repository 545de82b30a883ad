"""The selector's ports made real: Alpaca's REST API and Postgres."""
