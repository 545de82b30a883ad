"""The paper broker: account, orders, fills, positions, journal; and Alpaca's API in front of it."""
