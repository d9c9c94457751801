"""Patter's dashboard on a tree of calls: ``python -m benchmarks.web.patter ROOT PORT CALLS``.

Its store keeps calls in memory, 500 unless told more, and reads them when it starts, as its embedded server does.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from getpatter.dashboard.routes import mount_dashboard
from getpatter.dashboard.store import MetricsStore


def main() -> None:
    """Serve until told to stop."""
    root, port, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    store = MetricsStore(max_calls=calls)
    store.hydrate(root)
    app = FastAPI()
    mount_dashboard(app, store)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main()
