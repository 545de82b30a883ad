"""Which letters an operator means: topics and addresses, a text of the reason, an age."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.dead_letters.letters import Letter
from kernel.contracts.topics import CONSUMED_TOPICS, Topic
from kernel.domain.errors import ConfigError, TradingError
from kernel.stream.dead_letter import Place


class UnknownLetter(TradingError):
    """No dead letter has that address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Letters of `topics` and those at `addresses` (of neither: all), as far as `reason` and `since` let them."""

    topics: tuple[Topic[Any], ...] = ()
    addresses: tuple[Place, ...] = ()
    reason: str | None = None
    since: datetime | None = None

    @property
    def only_addresses(self) -> bool:
        """Whether single letters are named and no topic."""
        return bool(self.addresses) and not self.topics

    @property
    def places_to_read(self) -> list[Topic[Any]]:
        """The topics whose dead letters have to be read."""
        named = {t.name for t in self.topics} | {a.topic for a in self.addresses}
        return [t for t in CONSUMED_TOPICS if not named or t.name in named]


def wanted_from(words: Sequence[str], *, reason: str | None, since: datetime | None) -> Wanted:
    """Read topics (`signals`) and addresses (`signals:2/17`); raises ConfigError on what is neither."""
    topics = [_topic(word) for word in words if ":" not in word]
    addresses = [_address(word) for word in words if ":" in word]
    return Wanted(topics=tuple(topics), addresses=tuple(dict.fromkeys(addresses)), reason=reason, since=since)


def choose(letters: Iterable[Letter], wanted: Wanted) -> list[Letter]:
    """Return the letters that are wanted, in their order; raises UnknownLetter naming the addresses nobody has."""
    known = {letter.address: letter for letter in letters}
    unknown = [str(address) for address in wanted.addresses if str(address) not in known]
    if unknown:
        raise UnknownLetter(
            f"there is no dead letter {', '.join(unknown)}; list them with: dispatch topics dead"
        )
    return [letter for letter in known.values() if _is_named(letter, wanted) and _passes(letter, wanted)]


def to_send(letters: Sequence[Letter], *, again: bool) -> list[Letter]:
    """Return those that should go back: never sent before unless `again`, and each death once."""
    deaths: dict[str, Letter] = {}
    for letter in letters:
        if again or not letter.sent:
            deaths.setdefault(letter.copy_of or letter.address, letter)
    return list(deaths.values())


def _is_named(letter: Letter, wanted: Wanted) -> bool:
    if not wanted.topics and not wanted.addresses:
        return True
    topics = {topic.name for topic in wanted.topics}
    return letter.topic.name in topics or letter.address in map(str, wanted.addresses)


def _passes(letter: Letter, wanted: Wanted) -> bool:
    if wanted.since is not None and letter.record.written_at < wanted.since:
        return False
    said = f"{letter.figures.get('exception', '')} {letter.figures.get('message', '')}"
    return wanted.reason is None or wanted.reason.casefold() in said.casefold()


def _topic(name: str) -> Topic[Any]:
    for topic in CONSUMED_TOPICS:
        if topic.name == name:
            return topic
    names = ", ".join(topic.name for topic in CONSUMED_TOPICS)
    raise ConfigError(f"no stage reads a topic {name!r}, so it has no dead letters; those that have: {names}")


def _address(word: str) -> Place:
    place = Place.parse(word)
    if place is None:
        raise ConfigError(f"{word!r} is no address of a dead letter; an example: signals:2/17")
    _topic(place.topic)
    return place
