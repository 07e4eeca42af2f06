"""What went wrong, as one sentence and an exit code."""

from __future__ import annotations

import logging
import os
import traceback

import click

from api.imports.unusable import UnusableFile
from ledger.errors import Refused
from ledger.settings import UnusableSettings
from ledger.store import StoreUnavailable

UNUSABLE, DISPROVEN, UNCHECKED = 2, 3, 4


class Fault(click.ClickException):
    """A sentence for stderr, and the code to exit with."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def explained(error: Exception) -> Fault:
    """Return *error* as a fault; one that nobody foresaw names itself, and LEDGER_DEBUG=1 shows where."""
    match error:
        case UnusableFile() | UnusableSettings():
            return Fault(_sentence(str(error)), UNUSABLE)
        case Refused():
            return Fault(_sentence(error.detail), UNUSABLE)
        case StoreUnavailable():
            return Fault(_sentence(str(error)), UNCHECKED)
        case OSError():
            return Fault(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.", UNUSABLE)
    if os.environ.get("LEDGER_DEBUG"):
        traceback.print_exception(error)
    logging.getLogger(__name__).debug("unforeseen", exc_info=error)
    return Fault(f"The command failed ({type(error).__name__}); set LEDGER_DEBUG=1 to see where.", UNCHECKED)


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return (text[:1].upper() + text[1:]).rstrip(".") + "."
