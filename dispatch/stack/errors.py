"""What can go wrong with the local stack: one clear line that names the remedy."""


class StackError(Exception):
    """The local stack cannot do what was asked; the message is one line for the operator."""
