"""The pages that keep a ranger in the loop.

A newcomer reads :mod:`review_ui.app` (what there is), :mod:`review_ui.site` (who is asking, with which rights),
:mod:`review_ui.auth.access_scope` (what must stay hidden from them), then the routes. Routes ask ``views`` for what to
show, and :mod:`~review_ui.alerts.decisions`, :mod:`~review_ui.sightings.sealing` and :mod:`~review_ui.live.watches` to
write something down. :mod:`review_ui.live.broadcast` tells open pages what has happened; they fetch the rest through
the same routes.
"""
