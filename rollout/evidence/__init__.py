"""Evidence: what people and the model saw, side by side, and how sure one may be of it.

The modules of plain values hold the statistics and know neither database nor clock; :mod:`rollout.evidence.loader`
reads what they need, and :mod:`rollout.evidence.assessment` puts every metric together.
"""
