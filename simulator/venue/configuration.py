"""What an account's owner may set for it, and the reading of a change."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from simulator.venue.refusals import Refusal, invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Alpaca's names; those of pattern day trading are gone since July 2026."""

    no_shorting: bool = False
    suspend_trade: bool = False
    fractional_trading: bool = True
    max_margin_multiplier: str = "4"
    trade_confirm_email: str = "all"
    ptp_no_exception_entry: bool = False
    max_options_trading_level: int = 3
    disable_overnight_trading: bool = False


_CHOICES: Mapping[str, tuple[object, ...]] = {
    "max_margin_multiplier": ("1", "2", "4"),
    "trade_confirm_email": ("all", "none"),
    "max_options_trading_level": (0, 1, 2, 3),
}


def changed(configuration: Configuration, body: Mapping[str, Any]) -> Configuration | Refusal:
    """Return the configuration after a change, or why a value is none; null and unknown names change nothing."""
    asked = {
        field.name: body[field.name] for field in fields(Configuration) if body.get(field.name) is not None
    }
    for name, value in asked.items():
        choices = _CHOICES.get(name, (False, True))
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            return invalid(f"invalid {name}")
    return replace(configuration, **asked)
