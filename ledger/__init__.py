"""
The competency ledger: facts about evidence, assessments, awards and milestones, and the rules they are made by.

    ledger = Ledger.open(Settings.from_environment(), create=True)
    receipt = ledger.execute(SubmitEvidence(…), actor=Actor(id="per_…", role="assessor", client="api"), key="4711")

Words: a *fact* (event) has happened and is never changed; a *command* asks for facts and is carried out or *Refused*.
Facts about one learner, achievement, stack, framework, person or batch make up a *stream*, in which they are numbered
by *version*; all streams together are the *log*, numbered by *position*. To *fold* is to take the facts of a stream
into a state, to *evolve* it by one fact; *rules* decide, on such a state, what follows from a command. The *catalogue*
is what definitions and people were folded into. A *receipt* says where the facts of a command stand.
An *award* is the fact that a learner earned an *achievement*: a micro-credential, or a *milestone* by way of a *stack*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.errors import Refused

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.receipt import Receipt

__all__ = ["Ledger", "Receipt", "Refused"]


def __getattr__(name: str) -> Any:
    """Import the front door when it is first asked for: reading facts needs neither rules nor a database."""
    match name:
        case "Ledger":
            from ledger.application import Ledger  # noqa: PLC0415

            return Ledger
        case "Receipt":
            from ledger.receipt import Receipt  # noqa: PLC0415

            return Receipt
        case _:
            msg = f"module 'ledger' has no attribute {name!r}"
            raise AttributeError(msg)
