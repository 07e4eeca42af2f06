"""What the fields of bodies mean, for the OpenAPI document: a name means the same in every body, or says where not."""

from __future__ import annotations

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from api.schemas.fields import Choice, Named

_RULE = (
    'A rule over live awards: `{"achievement": id}`, `{"all": […]}`, `{"any": […]}`, '
    '`{"at_least": n, "of": […]}` or `{"credits": n, "of": […]}`.'
)  # fmt: skip

MEANINGS = {
    # Achievements
    "id": "The identifier, chosen by who defines it.",
    "name": "What it is called.",
    "description": "What it is, for learners and for whoever reads their transcript.",
    "achievement_type": "`MicroCredential`, or `Badge` for a milestone.",
    "criteria": "What must be shown.",
    "criteria.narrative": "What must be shown, in prose.",
    "items": "What must be shown, one by one; assessors judge each.",
    "text": "What evidence must show.",
    "alignments": "The competencies it develops.",
    "target_name": "The competency.",
    "target_url": "Where the competency is described.",
    "target_code": "Its code in the framework.",
    "target_type": "Its type, such as CTDL or CFItem.",
    "framework": "The framework that it is part of.",
    "type": "`Percent`, `RawScore`, `RubricCriterionLevel` or another type of Open Badges.",
    "pass_at": "The least that passes.",
    "minimum": "The least that can be stated.",
    "maximum": "The most that can be stated.",
    "levels": "The levels of a rubric, worst first.",
    "points": "What the level counts; 0, 1, 2 … unless said.",
    "criterion": "Which item of the criteria it is about.",
    "routes": "How evidence may come; by any route unless said.",
    "evidence_required": "Whether evidence needs an address; true unless said.",
    "reflection_required": "Whether evidence needs a reflection.",
    "evidence_max_age": "How old evidence may be, as an ISO 8601 duration.",
    "assessors_required": "How many people must judge the evidence met.",
    "blind": "Whether they judge unseen by one another.",
    "moderation_percent": "How many of a hundred judgements a second person looks at.",
    "attempts_allowed": "How often a learner may try; any number unless said.",
    "appeal_within": "How long one may appeal; 28 days unless said.",
    "credits": "Credits that the transcript states.",
    "hours": "Hours that the transcript states.",
    "level": "The level; in a judgement, that of the rubric.",
    "language": "The language, as a tag such as en or fr-CA.",
    "prerequisites": f"What must be held before evidence is submitted. {_RULE}",
    "prerequisites_waivable": "Whether a registrar may waive them.",
    "valid_for": "How long an award is good for, as an ISO 8601 duration; for good unless said.",
    "origin": "Who made it.",
    "partner": "The partner it was made or endorsed with.",
    "awarding": "`automatic`, or `confirm`: a registrar confirms each award.",
    "groups": "Words to tell achievements apart by, for `distinct_by`.",
    "results": "Results by their id; the definition says which there are.",
    "results.defined": "The results that an assessment may state.",
    "check": "How the principles of the programme's framework were checked.",
    "principles": "The principles that were found kept; approval takes all of them.",
    "body": "Who checked.",
    "reference": "Where that is minuted.",
    "review_on": "When to look again.",
    "statement": "What the partner says of it.",
    # Stacks and catalogues
    "milestone": "The achievement that completion leads to.",
    "rule": _RULE,
    "on_loss": "What becomes of the milestone when an award it rests on is lost.",
    "policy": "`keep`, `suspend`, `review` by a person, `lapse` without fault, or `revoke`.",
    "grace": "How long the milestone lives on before the policy acts, as an ISO 8601 duration.",
    "expired": "When an award it rests on expired.",
    "suspended": "When an award it rests on was suspended.",
    "revoked": "When an award it rests on was revoked.",
    "pathway": "Whether the stack goes for breadth or for depth.",
    "effective_at": "From when on it takes effect; at once unless said.",
    "applies_to": "`new` completions only, or `holders` of the milestone as well.",
    "preview": "The `name` of the preview of this version for holders; asked for where it applies to holders.",
    "issuer": "In whose name achievements are awarded.",
    "url": "The home page.",
    "achievements": "The achievements that the file defines.",
    "achievements.granted": "For which achievements alone the role is held; for all unless said.",
    "stacks": "The stacks that the file defines.",
    # People
    "ref": "The college's number or name for who it is.",
    "email": "The e-mail address.",
    "role": "The role.",
    "until": "Until when; for good unless said.",
    "account": "The other account of the same human being, a person's or a learner's.",
    "learner": "The learner's id.",
    # Evidence
    "achievement_id": "The achievement.",
    "declaration": "True: who sends this vouches that the evidence is the learner's own.",
    "route": "How the evidence came about; `work_product` unless said.",
    "submitted_at": "When it was submitted; now unless said.",
    "produced_at": "When it was made, where that matters for its age.",
    "evidence_url": "Where the evidence is. The address is kept sealed, and never fetched.",
    "narrative": "The learner's reflection, kept sealed.",
    "external_id": "Your own identifier of the evidence, kept sealed.",
    "digest": "A digest of the evidence, such as `sha256:…`; stands for an address where there is none.",
    "met": "The outcome; left out, it follows from judgements and pass marks.",
    "judgements": "What was found on each item of the criteria.",
    "feedback": "What the learner is told, kept sealed.",
    "comments": "What the learner is told on each item of the criteria, kept sealed.",
    "capacity": "As what the person judges; `marker` unless said.",
    "assessed_at": "When it was judged; now unless said.",
    "reason": "Why, for the record; kept sealed where it is about a learner.",
    "source": "Where and how it was learned, kept sealed.",
    "grounds": "Why the learner appeals, kept sealed.",
    "assessment_id": "The judgement that is appealed against.",
    "upheld": "Whether the learner is right.",
    # Awards
    "award_id": "The award.",
    "request_id": "The request of the first person, from the revocation queue.",
    "valid_until": "The later end of its validity.",
    "due_at": "The later day on which the policy of its stack acts.",
    "evidence_id": "The newer evidence, judged met.",
    "stack_id": "The stack.",
    "decision": "What becomes of the award.",
}

_ELSEWHERE = {
    ("CriteriaSchema", "narrative"): "criteria.narrative",
    ("AchievementDefinitionSchema", "results"): "results.defined",
    ("GrantRoleSchema", "achievements"): "achievements.granted",
}


def describe_fields(plugin: MarshmallowPlugin) -> None:
    """Let every field of a body be described by what it means."""
    if plugin.converter is not None:
        for function in (_meaning, _bounds):
            plugin.converter.add_attribute_function(function)  # type: ignore[no-untyped-call]


def _meaning(_: Any, field: fields.Field[Any], *, ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """Say what *field* of a body means, for apispec, unless it says so itself."""
    if not isinstance(field.parent, Schema):  # what a list or an object holds is said where that stands
        return {}
    keys = [(owner.__name__, field.name) for owner in type(field.parent).__mro__]
    named = next((_ELSEWHERE[key] for key in keys if key in _ELSEWHERE), field.name)
    return {"description": MEANINGS[named]} if named in MEANINGS and "description" not in ret else {}


def _bounds(_: Any, field: fields.Field[Any], *, ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """Say the bounds of an object in its own words, and none of words that are listed anyway."""
    if isinstance(field, Named):
        return {"minProperties": ret.pop("minLength"), "maxProperties": ret.pop("maxLength")}
    if isinstance(field, Choice):
        ret.pop("minLength", None)
        ret.pop("maxLength", None)
    return {}
