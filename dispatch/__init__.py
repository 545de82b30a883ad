"""The operator's command: the local stack, the demo, and everything that explains what the stages did."""
