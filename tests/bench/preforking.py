"""python -m tests.bench.preforking PORT: a server whose master only listens; answers cost its worker 2 ms of CPU."""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import thread_time

ANSWER_SECONDS = 0.002


class Answering(BaseHTTPRequestHandler):
    """Answers everybody at /, and elsewhere whoever knows the word."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        began = thread_time()
        while thread_time() - began < ANSWER_SECONDS:
            pass
        is_welcome = self.path == "/" or self.headers["Authorization"] == "Bearer sesame"
        self.send_response(200 if is_welcome else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answering)
    if os.fork():
        os.wait()
    else:
        server.serve_forever()
