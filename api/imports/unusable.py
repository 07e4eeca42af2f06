"""What makes a whole file unusable, as against a row that is refused."""

from __future__ import annotations


class UnusableFile(Exception):
    """The file cannot be read as what it should be; nothing of it was recorded. The message is one sentence."""
