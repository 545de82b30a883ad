"""A group of commands that imports each only when it is used."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


class LazyGroup(TyperGroup):
    """`places`: command name → "module:attribute", a function with Typer's annotations or a Typer app."""

    places: ClassVar[Mapping[str, str]] = {}

    # Typer keeps its copy of click private; its types cannot be named here.
    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of `places`."""
        del ctx
        return list(self.places)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return a command, or None for an unknown name."""
        del ctx
        place = self.places.get(cmd_name)
        return None if place is None else _load(cmd_name, place)


@cache
def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        wrapped = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        wrapped.command(name)(found)
        found = wrapped
    command = typer.main.get_command(found)
    command.name = name
    return command
