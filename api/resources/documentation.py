"""The service described by itself: the OpenAPI file, a page to try it, and a page for each kind of problem."""

from __future__ import annotations

from html import escape

from flask import Blueprint, Response, current_app, redirect

from api.problem_kinds import NOT_FOUND, Kind
from api.problems import Problem, all_kinds

blueprint = Blueprint("documentation", __name__)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Competency ledger</title><link rel="stylesheet" href="/static/docs.css"></head>
<body><main class="page"><p><a href="/docs">Competency ledger</a> · <a href="/problems">Problems</a></p>
<h1>{title}</h1>
{body}
</main></body></html>
"""


@blueprint.get("/")
def index() -> Response:
    """Lead people who come without a path to the documentation."""
    return redirect("/docs", 303)  # type: ignore[return-value]


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Answer the OpenAPI document of this very service."""
    return current_app.json.response(current_app.extensions["openapi"])  # type: ignore[return-value]


@blueprint.get("/docs")
def page() -> Response:
    """Show every operation and let people try it with their key."""
    return current_app.send_static_file("docs.html")


@blueprint.get("/problems")
def problem_list() -> Response:
    """Show every kind of problem."""
    items = "".join(
        f'<li><a href="/problems/{kind.name}">{kind.name}</a> ({kind.status}): {escape(kind.rule)}</li>'
        for kind in all_kinds()
    )
    return _html("Problems", f'<ul class="problems">{items}</ul>')


@blueprint.get("/problems/<name>")
def problem(name: str) -> Response:
    """Show what a kind of problem means and what to do."""
    kind = next((kind for kind in all_kinds() if kind.name == name), None)
    if kind is None:
        raise Problem(NOT_FOUND, f"There is no problem called {name[:80]!r}.")
    advice = f"<p>{escape(kind.rule)}</p><h2>What to do</h2><p>{escape(kind.advice)}</p>"
    status = f"<p>Answered with status {kind.status} as <code>/problems/{kind.name}</code>.</p>"
    return _html(_title(kind), advice + status)


def _title(kind: Kind) -> str:
    return kind.name.replace("-", " ").capitalize()


def _html(title: str, body: str) -> Response:
    return Response(_PAGE.format(title=escape(title), body=body), mimetype="text/html")
