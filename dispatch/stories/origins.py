"""Which code and which parameters each stage of a story ran with. Pure.

Entry points: `origins`, `oddities`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatch.stories.story import Story


@dataclass(frozen=True, slots=True)
class StageOrigin:
    """What signed a stage's messages of one story, each in the order of its first message."""

    stage: str
    revisions: tuple[str, ...]
    config_hashes: tuple[str, ...]
    messages: int


def origins(story: Story) -> list[StageOrigin]:
    """Return one origin a stage, in the order of the story."""
    metas = [c.message.meta for c in sorted(story.chapters, key=lambda c: c.written_at)]
    return [
        StageOrigin(
            stage,
            tuple(dict.fromkeys(m.revision for m in metas if m.stage == stage)),
            tuple(dict.fromkeys(m.config_hash for m in metas if m.stage == stage)),
            sum(m.stage == stage for m in metas),
        )
        for stage in dict.fromkeys(m.stage for m in metas)
    ]


def oddities(of_stages: Sequence[StageOrigin]) -> list[str]:
    """Return what one should know before trusting that a story was handled alike from end to end; one line each."""
    said = []
    for origin in of_stages:
        if len(origin.revisions) > 1:
            said.append(
                f"the {origin.stage}'s messages of this signal come from {len(origin.revisions)} revisions:"
                f" {', '.join(origin.revisions)} (rolled or restarted in between)"
            )
        if len(origin.config_hashes) > 1:
            said.append(
                f"the {origin.stage} changed parameters within this signal: {', '.join(origin.config_hashes)}"
            )
    if len({h for origin in of_stages for h in origin.config_hashes}) > 1 and not any(
        len(origin.config_hashes) > 1 for origin in of_stages
    ):
        by_stage = ", ".join(f"{o.stage} {o.config_hashes[0]}" for o in of_stages)
        said.append(f"the stages ran with different parameters: {by_stage}")
    return said
