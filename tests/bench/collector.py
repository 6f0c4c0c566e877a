"""A collector that takes traces and forgets them: what exporting costs is in the measurement."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Taking(BaseHTTPRequestHandler):
    """Answers every export with 200."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def collector() -> ThreadingHTTPServer:
    """Make a collector on a free port; the caller serves and closes it."""
    return ThreadingHTTPServer(("127.0.0.1", 0), Taking)
