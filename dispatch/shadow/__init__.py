"""`dispatch shadow`: another revision decides what the live stage decides, on what that saw, as it happens."""
