"""Markdown that others have written, as part of a page: no HTML of theirs, no pictures, no styles, no odd links."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

HEADING_BELOW: Final = 2
"""A page has its own first headings: what is ``#`` in the text becomes a third one."""


def rendered(text: str) -> Markup:
    """The text as HTML. Raw HTML in it is shown as text, and links lead only to ordinary addresses."""
    return Markup(_parser().render(text))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table").disable("image")
    parser.core.ruler.push("tame", _tame)
    return parser


class _Renderer(RendererHTML):
    """As usual, but wide tables scroll by themselves, also by keyboard."""

    def table_open(self, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
        """Open the scroll box too."""
        env["tables"] = env.get("tables", 0) + 1
        return f'<div class="scroll" tabindex="0" role="region" aria-label="Table {env["tables"]}"><table>\n'

    def table_close(self, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
        """Close both."""
        return "</table></div>\n"


def _tame(state: Any) -> None:
    """Lower the headings, drop style attributes: the content security policy refuses them anyway."""
    for token in state.tokens:
        token.attrs.pop("style", None)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + HEADING_BELOW)}"
