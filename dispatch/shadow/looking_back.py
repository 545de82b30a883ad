"""Reads again what lies before where a session goes on. Where it goes on stays as it was."""

from collections.abc import AsyncIterator, Mapping

from kernel.stream.group import GroupReader, Partition
from kernel.stream.reader import StoredRecord


async def last_before(
    reader: GroupReader, offsets: Mapping[Partition, int], topics: set[str], most: int
) -> AsyncIterator[StoredRecord]:
    """Yield the last records of `topics` before `offsets`, at most `most` of all partitions together.

    Nothing else may be read meanwhile; then `reader` goes on from `offsets`.
    """
    ends = await reader.ends()
    until = {part: end for part in offsets if part[0] in topics and (end := min(offsets[part], ends[part]))}
    begins = {part: max(0, end - most // len(until)) for part, end in until.items()}
    if not begins:
        return
    reader.hold(reader.partitions - begins.keys())
    reader.seek(begins)
    while _is_short_of(await reader.positions(), until):
        for record in await reader.poll():
            if record.offset < until[record.topic, record.partition]:
                yield record
    reader.hold(())
    reader.seek(offsets)


def _is_short_of(positions: Mapping[Partition, int], until: Mapping[Partition, int]) -> bool:
    return any(positions[part] < end for part, end in until.items())
