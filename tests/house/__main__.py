"""`make docs`: write the pages that are made from the code."""

from __future__ import annotations

from tests.house.generated import DOCS, PAGES

for name, page in PAGES.items():
    (DOCS / name).parent.mkdir(exist_ok=True)
    (DOCS / name).write_text(page(), "utf-8")
    print(f"docs/{name}")
