"""Learning at night from what rangers have said: a challenger from the champion's weights, judged, and written down.

:mod:`~detector.nightly.night` is the way of one run. What it decides lies apart from what it does:
:mod:`~detector.nightly.curriculum` which labels come when, :mod:`rollout.evidence.challenger_gate` whether the
challenger may take the champion's place. :mod:`~detector.nightly.run_store` keeps the rows of ``learning_runs``,
:mod:`~detector.nightly.guard` the bounds on time, memory and company.
"""
