"""Write the vectors that are missing."""

from __future__ import annotations

from tests.vectors import write_missing

for name in write_missing():
    print("added", name)
