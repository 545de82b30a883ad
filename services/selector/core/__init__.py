"""Pure decisions of the selector: which contract, or why none."""
