"""Puts the API together: endpoints, live feed, page, and what every request passes."""

import asyncio
from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from api_service import (
    backtests,
    docs,
    exports,
    health,
    history,
    indicators,
    premiums,
    records,
    rest,
    routes,
    signals,
)
from api_service.answers import Api
from api_service.backtest_desk import BacktestDesk
from api_service.backtest_offer import OF_SHIPPED, Offer
from api_service.guard import LOCAL_HOSTS, HeadAsGet, HostGuard, SecurityHeaders
from api_service.live import LiveFeed
from api_service.live_hub import LiveHub
from api_service.live_protocol import PATH
from api_service.openapi import Application
from api_service.problems import handle_problems
from api_service.schemas import Mode
from api_service.site import Site
from api_service.view import LatestView
from infrastructure.archive.files import Files
from infrastructure.archive.history import History
from infrastructure.timeseries.past import Store

DESCRIPTION = (
    "Live prices from many venues, and the best arbitrage routes between them. Prices and sizes "
    "are decimal strings (numbers=float: JSON numbers), _bps are hundredths of a percent, times "
    "are RFC 3339 in UTC. Unknown parameters are refused; faults are application/problem+json."
)

PARTS = (
    rest,
    routes,
    premiums,
    signals,
    indicators,
    history,
    exports,
    records,
    backtests,
    health,
    docs,
)


def create_app(  # noqa: PLR0913  # what an API is made of
    view: LatestView,
    hub: LiveHub,
    store: Store,
    *,
    mode: Mode,
    version: str,
    archive: Files | None = None,
    offer: Offer = OF_SHIPPED,
    web: Path | None = None,
    allowed_hosts: Collection[str] = LOCAL_HOSTS,
    write_timeout_s: float = 10.0,
) -> FastAPI:
    """Make the application.

    Args:
        view: The latest of everything; it must be run for that to be true.
        hub: Takes the view's news to live clients.
        store: Where history is read.
        mode: Told in every answer.
        version: As above.
        archive: Where days are that were archived; None: nowhere.
        offer: Strategies that may be tried on the past.
        web: The folder of the web page.
        allowed_hosts: Names and addresses that requests may be sent to, without port.
        write_timeout_s: A live client that takes nothing for that long is closed.

    """
    app = Application(
        title="CryptoTracker",
        version=version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
    )
    past = History(store, archive, clock=view.clock)
    turns = asyncio.Semaphore(exports.AT_ONCE)
    api = Api(view, hub, store, past, mode, version, turns, archive, BacktestDesk(offer))
    app.state.api = api
    handle_problems(app)
    for part in PARTS:
        app.include_router(part.router)
    feed = LiveFeed(api, write_timeout_s=write_timeout_s)
    app.router.routes.append(WebSocketRoute(PATH, feed.serve))
    app.add_route(PATH, feed.refuse_plain_http, include_in_schema=False)
    app.add_route("/{path:path}", Site(web).serve, include_in_schema=False)
    app.add_middleware(HostGuard, allowed_hosts=allowed_hosts)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders)
    return app
