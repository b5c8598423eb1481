"""How the API says no: problem documents (RFC 9457), one shape for every mistake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    loc: list[str | int] = Field(description="where: `body`, `query`, `path`, and the field")
    msg: str
    type: str = "invalid"


class ProblemDocument(BaseModel):
    """What went wrong. Some problems say more, in members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", description="always `about:blank`: the status says which kind it is")
    title: str = Field(description="the HTTP status in words")
    status: int
    detail: str = Field(description="what was wrong, and what to do; for people")
    errors: list[FieldProblem] = Field(default=[], description="for 422: the fields")


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document as a response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **({"errors": list(errors)} if errors else {}),
        **more,
    }
    # json.dumps writes half a surrogate pair as an escape, which every client can read.
    return Response(json.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)
