"""`make bench`: everything measured, one after another, so that nothing disturbs what stands beside it."""

from __future__ import annotations

import gc
import platform

from tests.benchmarks import bench_commands, bench_import, bench_latency, bench_views

gc.freeze()
gc.set_threshold(50_000, 20, 50)  # as the command line does
print(f"Python {platform.python_version()}, {platform.machine()}; ratios are of one run on this machine")
bench_commands.main()
bench_import.main()
bench_latency.main()
bench_views.main()
