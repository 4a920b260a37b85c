"""A small Hugging Face Hub on the loopback: one file, served well or badly."""

import hashlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Behaviour:
    """What is served for any address, and what was asked."""

    content: bytes  # what is sent
    stated: str = ""  # the SHA-256 that is stated, by default the true one
    breaks_after: list[int] = field(default_factory=list)  # bytes that each coming download is cut off after
    fails: bool = False  # downloads are answered by an error
    asked_from: list[int] = field(default_factory=list)  # first byte of each download

    def etag(self) -> str:
        return self.stated or hashlib.sha256(self.content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    behaviour: ClassVar[Behaviour]

    def do_HEAD(self) -> None:
        self._start(200, len(self.behaviour.content))
        self.end_headers()

    def do_GET(self) -> None:
        behaviour = self.behaviour
        if behaviour.fails or "/resolve/" not in self.path:  # huggingface_hub asks for other things too
            self._start(403, 0)
            self.end_headers()
            return
        begin = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        behaviour.asked_from.append(begin)
        rest = behaviour.content[begin:]
        self._start(206 if begin else 200, len(rest))
        if begin:
            total = len(behaviour.content)
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.end_headers()
        length = behaviour.breaks_after.pop(0) if behaviour.breaks_after else len(rest)
        self.wfile.write(rest[:length])
        self.close_connection = True

    def _start(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{self.behaviour.etag()}"')

    def log_message(self, *_arguments: object) -> None:
        pass


def serve(behaviour: Behaviour) -> ThreadingHTTPServer:
    """A server on a free port, to be run by its ``serve_forever``."""
    handler = type("BehavingHandler", (Handler,), {"behaviour": behaviour})
    return ThreadingHTTPServer(("127.0.0.1", 0), handler)
