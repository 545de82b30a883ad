"""Pure decisions of the executor: gates, the order's life, and the messages each step makes."""
