"""`--set path=value`: the strategy's numbers with some of them changed."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from kernel.domain.errors import ConfigError
from kernel.domain.params import TradingParams


def with_overrides(params: TradingParams, settings: Sequence[str]) -> TradingParams:
    """Return `params` with each `path=value` applied; raises ConfigError on an unknown path or a value that cannot be.

    A path is the keys of `config/trading_params.json` joined by dots; list elements by number (`sizer.tiers.0.risk_pct`)
    or, where they have names, by name (`sizer.tiers.tiny.risk_pct`). A value is JSON, or else text.
    """
    document = params.model_dump(mode="json")
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise ConfigError(f"--set: {setting!r} is not path=value, like selector.min_score=60")
        _put(document, path, _value(text))
    try:
        return TradingParams.model_validate_json(json.dumps(document))
    except ValidationError as e:
        problem = e.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the parameters"
        raise ConfigError(f"--set: {where}: {problem['msg']} (was {problem['input']!r})") from None


def _put(document: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    place: Any = document
    walked: list[str] = []
    for name in parents:
        place = place[_key(place, name, path, walked)]
        walked.append(name)
    place[_key(place, last, path, walked)] = value


def _key(place: Any, name: str, path: str, walked: Sequence[str]) -> Any:
    """Return the key or index of `name` in `place`."""
    if isinstance(place, dict) and name in place:
        return name
    if isinstance(place, list):
        names = _names(place)
        if name in names:
            return names.index(name)
        if name.isdecimal() and int(name) < len(place):
            return int(name)
    where, known = ".".join(walked) or "the parameters", _names(place)
    has = f"has {', '.join(known)}" if known else "has nothing inside"
    raise ConfigError(f"--set: there is no {path!r}: {where} {has}")


def _names(place: Any) -> list[str]:
    """Return what may follow `place` in a path."""
    if isinstance(place, dict):
        return list(place)
    if not isinstance(place, list):
        return []
    return [
        str(each["name"]) if isinstance(each, dict) and "name" in each else str(number)
        for number, each in enumerate(place)
    ]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
