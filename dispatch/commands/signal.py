"""`dispatch signal`."""

import asyncio
import os
import sys
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import typer
from pydantic import ValidationError

from dispatch.connection import Connection, connect
from dispatch.console import err, out, write_json
from dispatch.demo.summary import describe, execution_row
from dispatch.stories.story import STORY_TOPICS, Fate, Library, Story
from kernel.adapters.alpaca import AlpacaGateway
from kernel.contracts.messages import Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EVIDENCE, SIGNALS
from kernel.domain.errors import ConfigError
from kernel.domain.options import Direction, Strategy
from kernel.runtime.clock import SystemClock, VenueClock
from kernel.runtime.params import load_params
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader
from kernel.stream.schemas import learn_writers
from kernel.stream.stage import Emission
from services.signals.core.build import build_signal

_WAIT_S = 30.0
_OVER = frozenset({Fate.FILLED, Fate.ENDED_UNFILLED, Fate.REJECTED})


def signal(
    underlying: Annotated[str, typer.Argument(help="Underlying, e.g. SPY.")],
    direction: Annotated[Direction, typer.Option("--direction", help="Expected move.")],
    strategy: Annotated[Strategy, typer.Option("--strategy", help="How to trade it.")],
    expires_in_s: Annotated[
        float | None,
        typer.Option(
            "--expires-in-s", min=0.1, help="Life of the signal, venue seconds (default: the strategy's)."
        ),
    ] = None,
    price: Annotated[str | None, typer.Option("--price", help="Underlying's reference price, USD.")] = None,
    stop: Annotated[str | None, typer.Option("--stop", help="Stop on the underlying, USD.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Target on the underlying, USD.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show what became of it.")] = False,
    wait_s: Annotated[float, typer.Option("--wait-s", min=1, help="How long to wait, seconds.")] = _WAIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Publish one signal."""
    prices = {"reference_price": _price(price), "stop_price": _price(stop), "target_price": _price(target)}
    connection = connect()
    story = asyncio.run(
        _send(
            connection, underlying.upper(), direction, strategy, expires_in_s, prices, wait_s if wait else 0.0
        )
    )
    if as_json:
        write_json(execution_row(story))
    elif wait:
        out.print(describe(story), markup=False)
    if not as_json:
        out.print(f"{'see' if wait else 'sent; then'}: dispatch trace {story.signal_id}")
    if wait and story.fate not in _OVER:
        err.print(f"not settled after {wait_s:g} s: {story.fate.value}")
        sys.exit(1)


async def _send(
    connection: Connection,
    underlying: str,
    direction: Direction,
    strategy: Strategy,
    expires_in_s: float | None,
    prices: dict[str, Decimal | None],
    wait_s: float,
) -> Story:
    params = load_params(connection.settings.params_file)
    origin = Origin("signals", connection.settings.code_revision(), params.config_hash)
    now = await _venue_now(connection)
    try:
        message = build_signal(
            origin,
            params.signals,
            cause=f"operator/{SystemClock().now().isoformat()}/{os.getpid()}",
            underlying=underlying,
            direction=direction,
            strategy=strategy,
            now=now,
            expires_in_s=expires_in_s,
            reference_price=prices["reference_price"],
            stop_price=prices["stop_price"],
            target_price=prices["target_price"],
        )
    except ValidationError as e:
        problem = e.errors(include_url=False)[0]
        raise ConfigError(f"{problem['loc'][-1]}: {problem['msg']} (was {problem['input']!r})") from None
    return await _publish_and_follow(connection, message, wait_s)


async def _publish_and_follow(connection: Connection, message: Signal, wait_s: float) -> Story:
    library = Library(connection.prefix)
    topics = [t.full_name(connection.prefix) for t in STORY_TOPICS if t.name != EVIDENCE.name]
    async with (
        KafkaPublisher(connection.kafka, connection.prefix, "operator") as publisher,
        LogReader(connection.kafka, topics) as reader,
    ):
        await reader.to_now()
        await learn_writers(connection.kafka, connection.prefix)
        await publisher.publish([Emission(SIGNALS, message)])
        with suppress(TimeoutError):
            async with asyncio.timeout(max(wait_s, 5.0)):
                async for record in reader.follow():
                    story = library.add(record)
                    if (
                        story is not None
                        and story.signal_id == message.meta.id
                        and (wait_s == 0 or story.fate in _OVER)
                    ):
                        break
    return library.stories[message.meta.id]


async def _venue_now(connection: Connection) -> datetime:
    async with AlpacaGateway(connection.settings, VenueClock(), threads=1) as gateway:
        return await gateway.synchronise_clock()


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ConfigError(f"{text!r} is no price") from None
