"""Start to ready of `osrsdiff run` with files and database warm, and what its processes hold when idle.

python tests/bench/start.py [--starts 3] [--idle-s 3]
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import harness


def measure(starts: int, idle_s: float) -> tuple[list[float], list[tuple[str, float]], float]:
    """Seconds to ready of each start after a first one, then the last instance's processes and its idle CPU share."""
    with harness.directory() as scratch:
        data_dir = scratch / "data"
        settings: dict[str, object] = {"hiscores.base_url": "http://127.0.0.1:9"}
        ready_s = [_ready_s(data_dir, settings) for _ in range(starts)]
        with harness.instance(data_dir, settings) as running:
            ready_s.append(running.ready_s)
            before = harness.cpu_s(running.costs())
            time.sleep(idle_s)
            idle = running.costs()
            pss_mb = [(cost.name, harness.pss_mb(cost.pid)) for cost in idle]
            return ready_s[1:], pss_mb, (harness.cpu_s(idle) - before) / idle_s


def _ready_s(data_dir: Path, settings: dict[str, object]) -> float:
    with harness.instance(data_dir, settings) as running:
        return running.ready_s


def rows(ready_s: list[float], pss_mb: list[tuple[str, float]], cpu: float) -> Iterator[tuple[str, str]]:
    """The table."""
    yield "start to ready, median", f"{statistics.median(ready_s):.2f} s"
    yield "start to ready, slowest", f"{max(ready_s):.2f} s"
    yield "idle CPU of all", f"{100 * cpu:.1f} %"
    for name, held in pss_mb:
        yield f"idle PSS, {name}", f"{held:.1f} MB"
    yield f"idle PSS of all {len(pss_mb)}", f"{sum(held for _, held in pss_mb):.1f} MB"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=3, help="warm starts to time")
    parser.add_argument("--idle-s", type=float, default=3.0, help="how long to idle before the processes are measured")
    given = parser.parse_args()
    harness.show("osrsdiff run", list(rows(*measure(given.starts, given.idle_s))))


if __name__ == "__main__":
    main()
