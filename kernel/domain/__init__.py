"""Pure words of the trade: no clock, no IO, no vendor."""
