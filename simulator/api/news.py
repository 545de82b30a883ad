"""/v1beta1/news: this market makes no news."""

from fastapi import APIRouter, Request, Response

from simulator.api.data_requests import DataRoute
from simulator.api.requests import moment, whole_number
from simulator.api.wire import answer

_LIMIT, _LIMIT_MAX = 10, 50


def news_routes() -> APIRouter:
    """Return the route; its parameters are checked all the same."""
    router = APIRouter(prefix="/v1beta1", route_class=DataRoute)

    @router.get("/news")
    async def news(request: Request) -> Response:
        params = request.query_params
        whole_number(params, "limit", _LIMIT, _LIMIT_MAX)
        moment(params, "start")
        moment(params, "end")
        return answer({"news": [], "next_page_token": None})

    return router
