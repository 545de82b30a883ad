"""Turns a ticket into exactly one order at the venue, whatever fails, and keeps the ledger of what became of it."""
