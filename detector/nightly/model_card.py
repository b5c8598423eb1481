"""What a night's bundle says of itself, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.learn.warm_start import FineTuned


def night_datasheet(tuned: FineTuned, facts: Mapping[str, Any]) -> str:
    """The datasheet, from the facts of its learning run."""
    recipe, labels, golden = tuned.recipe, facts["labels"], facts["golden"]
    rows = "\n".join(
        f"| {who} | {found['found']} of {golden['bears']} | {found['false_alarms']} of {golden['others']} |"
        for who, found in golden["who"].items()
    )
    conditions = "\n".join(f"- {each['name']}: {each['sentence']}" for each in facts["verdict"]["conditions"])
    by_label = ", ".join(f"{count} {label}" for label, count in labels["new_by_label"].items())
    return f"""# Datasheet of a model that a site has learnt by itself

It goes on from `{tuned.parent.short_digest}`: {labels["steps"]} steps of {recipe.batch} pictures at a learning rate of
{recipe.learning_rate:g}, seed {recipe.seed}. It was shown {labels["new"]} new labels ({by_label})
and {labels["replayed"]} older ones, as they stood in the label snapshot
`{facts["snapshot"]}`. What its parent's datasheet says of where it
fails holds here too: only what follows was measured.

Golden events, none of which ever trained any model of this site, each model at the threshold at which it stays within
the same budget of false alarms:

| who | bears found | false alarms |
|---|---|---|
{rows}

The gate:

{conditions}
"""
