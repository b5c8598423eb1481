"""Reports: what happened, in numbers that say how sure they are.

:mod:`~rollout.reports.document` is what a report is made of, :mod:`~rollout.reports.build` makes one of each kind, and
:mod:`~rollout.reports.render.html_report`, :mod:`~rollout.reports.render.machine_readable` write it down for people
and for machines.
"""
