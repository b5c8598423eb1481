"""Routes, one file per page. Each asks who is there (:mod:`review_ui.site`) and what they may see now."""
