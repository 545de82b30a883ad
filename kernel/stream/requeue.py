"""Sends dead letters back to the topic they came from.

1. Key and value go back as they were; the key decides the partition, as it did for the original. Only a record with
   neither gets an empty value: aiokafka writes no other, and a stage reads the two alike.
2. The mark on the dead topic is written after the record was acknowledged. A crash in between leaves a letter that
   went back unmarked and may go back again, which derived ids make harmless; the other order could mark one that
   never went.
"""

from kernel.stream.dead_letter import Place, RequeueMark, requeued_headers
from kernel.stream.producer import Header, KafkaPublisher


class Requeuer(KafkaPublisher):
    """A publisher that also sends letters back. Use as an async context manager."""

    async def send_back(
        self, letter: Place, topic: str, key: bytes | None, value: bytes | None, deaths: int
    ) -> RequeueMark:
        """Write a letter's bytes to `topic` (full name) and mark the letter; returns the mark.

        Raises LogUnavailable where Kafka did not acknowledge, UnprocessableError where it never will: too large.
        """
        went_to = await self._write(topic, key, value, requeued_headers(letter, deaths))
        mark = RequeueMark(letter, went_to)
        await self._write(letter.topic, key, b"", mark.headers())
        return mark

    async def _write(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[Header]
    ) -> Place:
        if key is None and value is None:
            value = b""
        written = await self._send_raw(topic, key, value, headers)
        await self._acknowledged([written])
        stored = written.result()
        return Place(topic, stored.partition, stored.offset)
