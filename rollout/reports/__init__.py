"""Reports: what happened, in numbers that say how sure they are.

:mod:`~rollout.reports.document` is what a report is made of, :mod:`~rollout.reports.making` makes one of each kind, and
:mod:`~rollout.reports.page`, :mod:`~rollout.reports.machine` write it down for people and for machines.
"""
