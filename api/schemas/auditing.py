"""What auditors may ask with: a search, and the two moments of a difference."""

from __future__ import annotations

from api.schemas.fields import Choice, Identifier, Shape, Text
from api.schemas.reading import AsOfSchema, FreshSchema, Moment, Number

_MOST = 500


class SearchSchema(FreshSchema):
    """Facts that have all of what `q` says."""

    q = Text(
        longest=500,
        load_default="",
        metadata={
            "description": (
                "Terms `type:` `actor:` `learner:` `achievement:` `stack:` `batch:` `after:` `before:` `position:`, "
                "each at most once, and words, which are looked for in what is not sealed."
            ),
            "examples": ["type:award.revoked learner:s1001 after:2026-01-01"],
        },
    )
    order = Choice(("newest", "oldest"), load_default="newest")
    limit = Number(1, _MOST, load_default=50)
    cursor = Text(longest=200, metadata={"description": "The `next` of the page before."})


class DiffSchema(Shape):
    """What changed after one moment, up to another."""

    since = Moment(required=True, data_key="from")
    until = Moment(required=True, data_key="to")
    learner = Identifier()
    limit = Number(1, _MOST, load_default=50)
    cursor = Text(longest=200, metadata={"description": "The `next` of the page before."})


class WhyNotSchema(AsOfSchema):
    """Which achievement is asked about, as known `at` a moment and valid `on` a day."""

    achievement = Identifier(required=True)
