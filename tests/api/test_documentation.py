from __future__ import annotations

import re
from html.parser import HTMLParser

from tests.api.conftest import Service


class _Markup(HTMLParser):
    """Collects what a page loads, and whatever stands inline that a strict policy would not run."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.unlabelled: set[str] = set()
        self._labelled: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        loaded = found.get("src") if tag in {"script", "img"} else found.get("href") if tag == "link" else None
        if loaded is not None:
            self.loads.append(loaded)
        if (tag == "script" and "src" not in found) or tag == "style":
            self.inline.append(tag)
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        if tag == "label":
            self._labelled.add(found.get("for") or "")
        if tag == "input" and found.get("id") not in self._labelled:
            self.unlabelled.add(found.get("id") or tag)


def test_the_page_to_try_requests_works_without_the_internet_under_a_strict_policy(service: Service) -> None:
    client = service.app.test_client()
    page = _Markup()
    page.feed(client.get("/docs").get_data(as_text=True))

    assert ["/static/docs.css", "/static/docs.js"] == page.loads
    assert [] == page.inline
    assert set() == page.unlabelled
    for path in page.loads:
        text = client.get(path).get_data(as_text=True)
        assert not re.search(r"https?://|@import|url\(|innerHTML|eval\(", text)


def test_the_first_page_leads_to_the_documentation(service: Service) -> None:
    answered = service.app.test_client().get("/")

    assert (303, "/docs") == (answered.status_code, answered.headers["Location"])


def test_liveness_and_readiness_are_told_without_a_key(service: Service) -> None:
    client = service.app.test_client()

    stopped = client.get("/readyz")
    service.followers.start()
    running = client.get("/readyz")

    assert [200, 503, 200] == [client.get("/livez").status_code, stopped.status_code, running.status_code]
    assert "not" in stopped.get_json()["detail"].lower()
