"""The label cleaner: what people have said of pictures, worst losses first, and changes to it that somebody looks over.

What a label is and where it comes from is :mod:`rollout.evidence.labels`; here are the page, its JSON
(:mod:`~review_ui.labels.api`) and the corrections (:mod:`~review_ui.labels.changes`).
"""
