"""What went wrong, as one sentence and an exit code."""

from __future__ import annotations

import logging
import os
import re
import traceback

import click

from api.imports.unusable import UnusableFile
from ledger.errors import Refused
from ledger.settings import UnusableSettings
from ledger.store import StoreUnavailable
from ledger.transparency.faults import Disproven, Malformed

UNUSABLE, DISPROVEN, UNCHECKED = 2, 3, 4
_WORD = re.compile(r"[a-z]+['a-z]*(?=[\s,;]|$)")


class Fault(click.ClickException):
    """A sentence for stderr: the command could not be carried out."""

    exit_code = UNCHECKED


class Wrong(Fault):
    """What was to be checked was checked, and is not so."""

    exit_code = DISPROVEN


class Unusable(Fault):
    """The input cannot be used."""

    exit_code = UNUSABLE


def explained(error: Exception) -> Fault:
    """Return *error* as a fault; one that nobody foresaw names itself, and LEDGER_DEBUG=1 shows where."""
    match error:
        case UnusableFile():
            return Unusable(_ended(str(error)))  # It begins with the name of a file, as it is written.
        case UnusableSettings():
            return Unusable(_sentence(str(error)))
        case Refused():
            return Unusable(_sentence(error.detail))
        case StoreUnavailable() | Malformed():
            return Fault(_sentence(str(error)))
        case Disproven():
            return Wrong(_sentence(str(error)))
        case OSError():
            return Unusable(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")
    if os.environ.get("LEDGER_DEBUG"):
        traceback.print_exception(error)
    logging.getLogger(__name__).debug("unforeseen", exc_info=error)
    return Fault(f"The command failed ({type(error).__name__}); set LEDGER_DEBUG=1 to see where.")


def _sentence(text: str) -> str:
    """Begin with a capital, unless it is the name of a file or a field that begins."""
    return _ended(text[:1].upper() + text[1:] if _WORD.match(text) else text)


def _ended(text: str) -> str:
    said = " ".join(text.split())
    return said if said.endswith("?") else said.rstrip(".") + "."
