"""Ids in the shape Alpaca gives them, derived so that the same run repeats them."""

from uuid import UUID

from kernel.domain.ids import derive_id


def uuid_of(parent: str, step: str) -> str:
    """Return the UUID text that stands for `step` of `parent`."""
    return str(UUID(hex=derive_id(parent, step), version=4))


def holder_of_token(token: str) -> str:
    """Return what stands for the bearer of a token wherever a key id would: a token is a secret, and is kept nowhere."""
    return f"token:{derive_id(token.encode().hex(), 'bearer')}"


def asset_id_of(symbol: str) -> str:
    """Return the asset id of a stock or of an option contract (there also the contract id)."""
    return uuid_of(symbol, "asset")
