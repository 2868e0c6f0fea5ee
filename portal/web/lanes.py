"""One request at a time computes in a process.

Threads are there for whoever sends or receives slowly. Threads that compute take the interpreter from each other at every
call into the database, and whoever loses it while others wait for his turn to write makes all of them wait (figures in
docs/notary.md). So a request is read as a whole, then waits for the lane, and leaves it before its answer is sent.

A lane is no lock that anything relies on. Who waits in vain for `PATIENCE` leaves the lane to the slow request that is in it
(an export, a password being checked) and opens another one, which all who come later use at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

# Seconds; several times what a request takes that does not wait for anything.
PATIENCE = 0.05
# Bytes; what is longer (an upload) is read by the application, outside the lane.
MOST_READ_FIRST = 64 * 1024


class Lanes:
    """A WSGI application that lets the requests of a process into `application` one by one."""

    def __init__(self, application: Application, patience: float = PATIENCE) -> None:
        self._application = application
        self._patience = patience
        self._lane = threading.Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request; what the application raises passes through."""
        if not _read_first(environ):
            return self._application(environ, start_response)
        lane = self._entered()
        try:
            return self._application(environ, start_response)
        finally:
            lane.release()

    def _entered(self) -> threading.Lock:
        while True:
            lane = self._lane
            if lane.acquire(timeout=self._patience):
                return lane
            if self._lane is lane:
                # Two who lose patience at the same moment open two, of which the later one stays.
                self._lane = threading.Lock()


def _read_first(environ: Environ) -> bool:
    """Read the body before the lane; False when it is too long for that, or of unknown length."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return False
    given = environ.get("CONTENT_LENGTH") or "0"
    # What is no number is refused by the application, in its own words.
    length = int(given) if given.isascii() and given.isdigit() else 0
    if length > MOST_READ_FIRST:
        return False
    if length:
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
    return True
