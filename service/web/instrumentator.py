"""What counts requests that are routed: the instrumentator, told which route it was by who knows."""

from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware
from starlette.requests import Request


class Instrumentator(PrometheusInstrumentatorMiddleware):
    """It need not look for the route before the router does, which took a tenth of a millisecond (measured)."""

    def _get_handler(self, request: Request) -> tuple[str, bool]:  # noqa: ARG002 - its signature
        # The scope names the route when the answer is there; see Recording.instrumented.
        return "", True
