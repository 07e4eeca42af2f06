"""
The issuer: the college in whose name everything is awarded, as its Open Badges profile says; one stream, `issuer-self`.

Rules kept here:

- an issuer has an id, a name and an address on the web;
- described the same again, by whomever, nothing is recorded; another description takes the place of the one before,
  which documents keep that are asked for as of an earlier position.
"""

from __future__ import annotations

from ledger import errors
from ledger.decider import Command, Decider, Setting
from ledger.event import Event
from ledger.events import IssuerDescribed
from ledger.programme import evolve_issuer

SELF = "self"
"""A ledger has one issuer."""


class IssuerCommand(Command, frozen=True, kw_only=True):
    """A command about the issuer."""


class DescribeIssuer(IssuerCommand, frozen=True, kw_only=True):
    """Say who issues: `id` is the profile's own, usually an address; `url` is the college's home page."""

    id: str
    name: str
    url: str
    by: str


def decide(state: IssuerDescribed | None, command: IssuerCommand, setting: Setting) -> list[Event]:
    if not isinstance(command, DescribeIssuer):
        raise TypeError(command)
    said = {"id": command.id, "name": command.name, "url": command.url}
    if state is not None and said == {"id": state.id, "name": state.name, "url": state.url}:
        return []
    for field, text in said.items():
        if not text.strip():
            raise errors.UnusableDefinition(f"{field}: says nothing.", field=field)
    return [
        IssuerDescribed(
            effective_at=setting.now, id=command.id, name=command.name, url=command.url, described_by=command.by
        )
    ]


issuer: Decider[IssuerDescribed | None, IssuerCommand] = Decider(
    category="issuer",
    initial=lambda _: None,
    evolve=evolve_issuer,
    decide=decide,
    subject=lambda _: SELF,
)
