"""Keeps decisions in files, to be taken again without a log: today, in CI, by any later revision."""
