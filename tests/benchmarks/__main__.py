"""`make bench`, `make bench-scaled`: measured one after another, so that nothing disturbs what stands beside it."""

from __future__ import annotations

import gc
import platform
import sys
from importlib import import_module

EMBEDDED = ("commands", "import", "latency", "views", "transparency", "audit", "preview")
SCALED = ("postgres", "relay", "scaled")

gc.freeze()
gc.set_threshold(50_000, 20, 50)  # as the command line does
print(f"Python {platform.python_version()}, {platform.machine()}; ratios are of one run on this machine")
for name in SCALED if sys.argv[1:] == ["scaled"] else EMBEDDED:
    import_module(f"tests.benchmarks.bench_{name}").main()
