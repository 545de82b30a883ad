"""The outside as several services see it: Alpaca's clients and Postgres. Only adapters name alpaca or psycopg."""
