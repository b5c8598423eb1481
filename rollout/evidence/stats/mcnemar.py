"""Two classifiers on the same events: is one better, and is it at least not worse. Pure.

Only events on which they differ say anything: ``wins`` that the first alone got right, ``losses`` that it alone got
wrong.
"""

from __future__ import annotations

import math


def mcnemar_mid_p(wins: int, losses: int) -> float:
    """One-sided mid-p value of McNemar's test of "not better": small when the first is better.

    Half of the probability of what was found, and all of what would be more extreme. The exact test promises the same
    and finds less (Fagerland, Lydersen and Laake, 2013).
    """
    from scipy.stats import binom  # type: ignore[import-untyped] # no types; here, since processes without it import this

    differ = wins + losses
    return float(binom.sf(wins, differ, 0.5) + 0.5 * binom.pmf(wins, differ, 0.5))


def non_inferiority_p(wins: int, losses: int, n: int, margin: float) -> float:
    """One-sided p value of "worse by ``margin`` or more" over ``n`` events: small when it is not.

    Tango's score test (1998): it keeps its level with few differences, where the usual standard error is nought.
    Raises ValueError for a margin outside 0 to 1, or for counts that cannot be.
    """
    if not 0 < margin < 1 or wins < 0 or losses < 0 or n < 1 or wins + losses > n:
        raise ValueError(f"{wins} wins and {losses} losses of {n} events with a margin of {margin} cannot be tested")
    from scipy.stats import norm

    gap = -margin
    linear = -wins - losses + (2 * n - wins + losses) * gap
    expected = (math.sqrt(linear**2 + 8 * n * losses * gap * (1 - gap)) - linear) / (4 * n)
    variance = n * (2 * expected + gap * (1 - gap))
    return float(norm.sf((wins - losses - n * gap) / math.sqrt(variance)))
