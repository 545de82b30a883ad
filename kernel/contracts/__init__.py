"""Typed messages bound to the Avro schemas of `schemas/`."""
