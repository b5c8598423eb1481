"""Alerts to rangers and messages to campers: the single writer of the outbox, and what delivers it."""
