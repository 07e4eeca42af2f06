"""
Revoking by hand takes two people; both sign the list of what falls with the award.

If that list has changed when the second signs, nothing is revoked and the first must ask again.
"""

from __future__ import annotations

from ledger import errors
from ledger.decider import Setting
from ledger.event import Event
from ledger.events import AwardRevoked, RevocationRequested
from ledger.learners import commands as c
from ledger.learners.awards import require_standing
from ledger.learners.consequences import consequences
from ledger.learners.people import require_registrar, require_role, same
from ledger.learners.record import Record


def request_revocation(record: Record, command: c.RequestRevocation, setting: Setting) -> list[Event]:
    """Sign first for a revocation and for what falls with it; asking again renews the list."""
    require_registrar(setting, record, command.by, command.award_id)
    require_standing(record, command.award_id, setting)
    falls = consequences(record, command.award_id, setting)
    known = record.requests.get(command.request_id)
    if known is not None and known.award_id == command.award_id and known.consequences == falls:
        return []
    if known is not None:
        msg = f"Request {command.request_id} stands already for another list; ask again under a new id."
        raise errors.AlreadyRecorded(msg, field="request_id")
    return [
        RevocationRequested(
            effective_at=setting.now,
            request_id=command.request_id,
            award_id=command.award_id,
            requested_by=command.by,
            consequences=falls,
            reason=command.reason,
        )
    ]


def revoke(record: Record, command: c.RevokeAward, setting: Setting) -> list[Event]:
    """Sign second and revoke, if what falls with the award is still what the first person signed."""
    require_registrar(setting, record, command.by, command.request_id)
    request = record.requests.get(command.request_id)
    if request is None:
        if record.decided.get(command.request_id) == "revoked":
            return []
        msg = f"No revocation {command.request_id} is waiting for a second person."
        raise errors.Unknown(msg, field="request_id")
    if same(setting, request.requested_by, command.by):
        msg = "Who asked for the revocation cannot be the second person as well."
        raise errors.SecondPersonNeeded(msg, field="by")
    award = require_standing(record, request.award_id, setting)
    require_role(setting, request.requested_by, ("registrar",), award.achievement_id)
    if consequences(record, request.award_id, setting) != request.consequences:
        msg = "What falls with this award has changed since the first person signed; ask for the revocation again."
        raise errors.ConsequencesChanged(msg, field="request_id")
    return [
        AwardRevoked(
            effective_at=setting.now,
            award_id=request.award_id,
            cause="hand",
            request_id=command.request_id,
            revoked_by=command.by,
        )
    ]
