"""``make bench``: every benchmark that needs no data of its own, one table each."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "bench.queue",
    "bench.ingest_cost",
    "bench.live_view",
    "bench.engines",
    "bench.backbone_speed",
    "bench.detector_worker",
    "bench.challenger_cost",
    "bench.small_animals",
    "bench.load",
    "bench.gpu",
    "bench.latency",
    "bench.page_load",
    "bench.controller_tick",
    "bench.breakers",
    "bench.learning",
)


def main() -> int:
    """Run them one after another, each in a fresh process so that none warms another's caches."""
    results = [subprocess.run([sys.executable, "-m", name, *sys.argv[1:]], check=False) for name in BENCHMARKS]
    return max(result.returncode for result in results)


if __name__ == "__main__":
    sys.exit(main())
