"""Parameters of a case, in the form this code has them. Pure."""

from typing import Any


def in_todays_form(kept: Any, present: Any) -> Any:
    """Return `kept` with what it lacks taken from `present`, and without what is not there any more.

    Values that are in both stay as they were kept. Lists of another length stay whole: nobody could say which is which.
    """
    if isinstance(kept, dict) and isinstance(present, dict):
        return {
            key: in_todays_form(kept[key], inner) if key in kept else inner for key, inner in present.items()
        }
    if isinstance(kept, list) and isinstance(present, list) and len(kept) == len(present):
        return [in_todays_form(one, other) for one, other in zip(kept, present, strict=True)]
    return kept
