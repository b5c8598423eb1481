"""``/media/{key}``: pictures and clips. Every request asks again whether this person may see that camera now."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from review_ui.auth.access_scope import may_see_picture
from review_ui.site import SiteDep, Viewer

router = APIRouter()

NO_SUCH_PICTURE = "There is no such picture, or it is hidden while you are on watch."


@router.get("/media/{key:path}")
def media(request: Request, site: SiteDep, account: Viewer, key: str) -> Response:
    """One picture, or one clip: of that any part, which is how phones play it.

    A browser may keep it but has to ask each time (``no-cache``): the right to see it can end, its bytes never change.
    """
    try:
        site.media.path(key)
    except ValueError:
        raise HTTPException(404, NO_SUCH_PICTURE) from None
    with site.database.read() as session:
        if not may_see_picture(session, account, key, site.clock(), site.match_rule):
            raise HTTPException(404, NO_SUCH_PICTURE)
    name, _, kind = key.rsplit("/", 1)[1].partition(".")
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{name}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if kind == "mp4" and site.media.path(key).is_file():
        return FileResponse(site.media.path(key), media_type="video/mp4", headers=headers)
    jpeg = site.media.get(key)
    if jpeg is None:
        raise HTTPException(404, "This picture is no longer kept.")
    return Response(jpeg, media_type="image/jpeg", headers=headers)
