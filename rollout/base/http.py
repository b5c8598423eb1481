"""HTTP requests that go where they were addressed to, and nowhere else: an address or its signature may be a secret."""

from __future__ import annotations

import urllib.request
from typing import IO, Any, Final


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like others: none that one follows."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


DIRECT: Final = urllib.request.build_opener(_NoRedirects)
"""Opens requests; a redirect raises ``urllib.error.HTTPError``."""
