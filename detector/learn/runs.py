"""Several training runs side by side, each in a process of its own: one core each, so that none waits for another."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from detector.learn.fit import PROGRESS, TRAINED, Run, fit

Watcher = Callable[[str, int, int, float], None]
"""Called with a run's name, its step, its number of steps and its last loss."""
_POLL_EVERY_S = 1.0


def fit_all(runs: Sequence[Run], at_once: int, watch: Watcher) -> None:
    """Train all runs, at most ``at_once`` side by side; one at a time stays in this process."""
    if at_once == 1:
        for run in runs:
            fit(run)
            watch(run.folder.name, run.steps, run.steps, 0.0)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=context) as pool:
        waiting = [pool.submit(_fit_quietly, run) for run in runs]
        while not all(each.done() for each in waiting):
            time.sleep(_POLL_EVERY_S)
            for run in runs:
                _report(run.folder, run, watch)
        for each in waiting:
            each.result()


def _fit_quietly(run: Run) -> None:
    fit(run)  # the state stays on disk: it need not travel between processes


def _report(folder: Path, run: Run, watch: Watcher) -> None:
    if (folder / TRAINED).is_file():
        watch(folder.name, run.steps, run.steps, 0.0)
        return
    try:
        found = json.loads((folder / PROGRESS).read_text())
    except FileNotFoundError:
        return
    watch(folder.name, found["step"], found["steps"], found["loss"])
