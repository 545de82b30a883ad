"""What can go wrong with the local stack."""

from kernel.domain.errors import TradingError


class StackError(TradingError):
    """The local stack cannot do what was asked; the message is one line that names the remedy."""
