"""Alerts to rangers and messages to campers: the single writer of the outbox, and what delivers it.

What others use, in the order of an alert's life:

    alerts.raise_alert, upgrade_to_bear      the detector's tracker: an encounter becomes an alert, or more of one
    alerts.decide, page                      the ranger's decision with its effects; paging people
    alerts.escalate_unacknowledged           by the minute: nobody has looked
    active_warnings, send_policy             what campers are told now, and why or why not
    camper_messages.receive, appeals         what campers write back
    outbox.sweep, pager.keep_paging          the delivery worker's rounds
    recipients, channels, delivery_plan      who is told and how; plain values

The other files are parts of these and may not be imported from outside (a contract in pyproject.toml keeps it so).
"""
