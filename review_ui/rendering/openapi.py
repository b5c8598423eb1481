"""The API's description: only what belongs to the API, how to come in, how it says no, and an example of everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from review_ui.rendering.problems import MEDIA_TYPE, ProblemDocument

PREFIX: Final = "/api/v1/"
ABOUT: Final = """\
Everything that the pages do, as JSON, under the same rights and the same blindness.

**Coming in.** A program shows a token: `Authorization: Bearer bw_…`. People make tokens on the page `/account`; a token
has some of its owner's rights, at some of their campsites, until a day. A browser uses its login's cookie.

**Lists** come in pages: `limit` rows after the cursor `after`; `next_after` is the cursor of the next page.

**Writing** is repeatable where it matters: the same `idempotency_key` again is the same decision or sighting.

**No** is a problem document (RFC 9457): `detail` says what was wrong, and for 422 `errors` says where. What somebody
must not see now cannot be told from what does not exist: both are 404.

**Times** are seconds since 1970, UTC. **Boxes** are `[left, top, right, bottom]` in 0-1 coordinates of the picture.

Within a version nothing is removed and nothing changes its meaning; answers may gain members.
"""
NOBODY_NEEDS: Final = ("/api/v1/camp/",)
"""Open to everybody: no security is asked for."""
_SAYS_NO: Final = {
    "400": "the body cannot be read: it is no JSON, or no UTF-8",
    "401": "nobody is logged in, or the token opens nothing",
    "403": "the role or the token does not include this",
    "404": "there is no such thing, or it is hidden while you are on watch",
    "422": "something of what was sent cannot be used",
    "503": "the database does not answer; try again",
}


@cache
def examples() -> dict[str, Any]:
    """What was sent to each operation and what it answered, by its method and path; how it says no, under ``Problem``.

    Recorded by ``make examples`` at a real site, and compared with one by the tests.
    """
    found: dict[str, Any] = json.loads(files("review_ui").joinpath("api_examples.json").read_text(encoding="utf-8"))
    return found


def install(app: FastAPI) -> None:
    """Let the application describe itself this way."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # the way FastAPI offers


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    document = get_openapi(title="Bearwatch", version="1", description=ABOUT, routes=app.routes)
    document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith(PREFIX)}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schemas["Problem"].pop("$defs", {}))
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "made on the page /account"},
        "login": {"type": "apiKey", "in": "cookie", "name": "bearwatch", "description": "set by logging in"},
    }
    for method, path, operation in _operations(document):
        operation["security"] = [] if path.startswith(NOBODY_NEEDS) else [{"token": []}, {"login": []}]
        for status, words in _SAYS_NO.items():
            known = operation["responses"].setdefault(status, {"description": words})
            if status == "422":
                known["description"] = words
            known["content"] = _no()
        for status in operation["responses"].keys() & {"409", "429"}:
            operation["responses"][status]["content"] = _no()
        _show(operation, examples().get(f"{method.upper()} {path}", {}))
    schemas["Problem"]["examples"] = [examples()["Problem"]["answer"]]
    for name in set(schemas) - _used(document):
        del schemas[name]
    return document


def _no() -> dict[str, Any]:
    """What an answer says that is a no."""
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _show(operation: dict[str, Any], recorded: dict[str, Any]) -> None:
    """Give what an operation takes and what it answers their examples."""
    if "body" in recorded:
        operation["requestBody"]["content"]["application/json"]["example"] = recorded["body"]
    if "answer" in recorded:
        for content in operation["responses"][str(recorded["status"])].get("content", {}).values():
            content["example"] = recorded["answer"]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "put", "post", "delete", "patch"):
                yield method, path, operation


def _used(document: dict[str, Any]) -> set[str]:
    """The schemas that the paths refer to, directly or through one another."""
    schemas = document["components"]["schemas"]
    found: set[str] = set()
    waiting = list(_references(document["paths"]))
    while waiting:
        name = waiting.pop()
        if name not in found and name in schemas:
            found.add(name)
            waiting += _references(schemas[name])
    return found


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)
