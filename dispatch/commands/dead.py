"""`dispatch topics dead`: list dead letters, show one, send one, some or all back to where they came from."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from dispatch.connection import Connection, connect
from dispatch.console import err, out, write_json
from dispatch.dead_letters.choosing import Wanted, choose, to_send, wanted_from
from dispatch.dead_letters.decoding import Reading, read_bytes
from dispatch.dead_letters.letters import Letter
from dispatch.dead_letters.sending import gather, send_back
from dispatch.dead_letters.telling import count_of, headers_lines, row, summary_lines, unreadable_lines
from dispatch.plain import visible, without_bytes
from dispatch.spans import back
from kernel.contracts.codec import Codec
from kernel.domain.errors import ConfigError
from kernel.runtime.clock import SystemClock


def dead(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TOPIC|ADDRESS",
            help="Topics (signals), or letters by their addresses (signals:2/17); of neither: all.",
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Only those whose reason or error has this text.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only those of the last 30m, 1h, 2d by the wall clock.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show them whole; addresses alone are shown so anyway.")
    ] = False,
    requeue: Annotated[
        bool, typer.Option("--requeue", help="Send them back to where they came from.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that were sent back before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before requeueing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """List dead letters: where from, why, what became of them; show one whole; or send them back."""
    begin = None if since is None else back(SystemClock().now(), since)
    wanted = wanted_from(what or (), reason=reason, since=begin)
    connection = connect()
    letters = _chosen(connection, wanted)
    whole = show or (wanted.only_addresses and not requeue)
    if not as_json:
        _tell(letters, whole=whole)
        if not (whole or requeue):
            _count(letters)
    refused = _requeue(connection, letters, again=again, yes=yes) if requeue and letters else {}
    if as_json:
        after = _chosen(connection, wanted) if requeue else letters
        write_json([row(letter, reading, whole=whole) for letter, reading in _read(after)])
    if refused:
        sys.exit(1)


def _chosen(connection: Connection, wanted: Wanted) -> list[Letter]:
    return choose(asyncio.run(gather(connection, wanted.places_to_read)), wanted)


def _read(letters: Sequence[Letter]) -> list[tuple[Letter, Reading]]:
    codec = Codec()
    return [(letter, read_bytes(letter.topic, letter.record.value, codec)) for letter in letters]


def _tell(letters: Sequence[Letter], *, whole: bool) -> None:
    for letter, reading in _read(letters):
        _print(summary_lines(letter, reading))
        if whole:
            _tell_whole(letter, reading)
    if not letters:
        err.print("no dead letters")


def _count(letters: Sequence[Letter]) -> None:
    if letters:
        waiting = len(to_send(letters, again=False))
        err.print(f"dead letters: {len(letters)}, to send back: {waiting}", markup=False)


def _tell_whole(letter: Letter, reading: Reading) -> None:
    _print(headers_lines(letter))
    if reading.fields is None:
        _print(unreadable_lines(letter, reading))
        return
    if reading.problem is not None:
        _print([f"    no stage would take it from {letter.topic.name} today: {visible(reading.problem)}"])
    # Escaped to ASCII: what somebody wrote into a message must not command the terminal.
    out.print_json(data=without_bytes(reading.fields), default=str, ensure_ascii=True)


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        out.print(line, markup=False, emoji=False)


def _requeue(connection: Connection, letters: Sequence[Letter], *, again: bool, yes: bool) -> dict[str, str]:
    """Send letters back after asking; returns those that no topic takes."""
    sending = to_send(letters, again=again)
    before = sum(1 for letter in letters if letter.sent)
    if before and not again:
        err.print(f"{before} went back before and stay here; --again sends them once more", markup=False)
    if not sending:
        return {}
    hopeless = sum(reading.problem is not None for _, reading in _read(sending))
    if hopeless:
        err.print(f"{hopeless} cannot be decoded today and would die again", markup=False)
    _confirm(sending, yes=yes)
    refused = asyncio.run(send_back(connection, sending))
    for address, why in refused.items():
        err.print(f"{address} could not be sent back: {why}", markup=False)
    sent = len(sending) - len(refused)
    err.print(f"sent {sent} back; ids are derived, so what was handled before is not handled again")
    return refused


def _confirm(sending: Sequence[Letter], *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"there is no terminal to ask on: add --yes to send back {count_of(sending)}")
    if not typer.confirm(f"send back {count_of(sending)}?", err=True):
        err.print("nothing was sent")
        sys.exit(1)
