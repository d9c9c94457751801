"""``/metrics``: what Prometheus asks for. Guarded as every page is: the token goes into its ``Authorization``."""

from __future__ import annotations

import threading
from typing import Final
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.exporters.metrics.exposition import Metrics
from callscope.web.site import Site

_lock = threading.Lock()
_of_site: WeakKeyDictionary[Site, Metrics] = WeakKeyDictionary()


def show(request: Request) -> Response:
    """``GET /metrics``."""
    site: Site = request.app.state.site
    with _lock:
        metrics = _of_site.setdefault(site, Metrics(site.index))
    text, content_type = metrics.text(now_ms=site.now_ms(), accept=request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": content_type})


ROUTES: Final = (Route("/metrics", show),)
