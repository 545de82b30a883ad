"""Test helpers that ship with the kernel; production code may not import them."""
