"""What goes over the wire of a connection: libpq's own trace, and the round trips in it."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from psycopg import pq

#: A message of the client after which it waits: Query, or Sync of the extended protocol.
ASKED = re.compile(r"^F\t\d+\t(Query|Sync)\b", re.MULTILINE)
READY = re.compile(r"^B\t\d+\tReadyForQuery\b", re.MULTILINE)


class Wire:
    """The messages between ``round_trips`` and its end."""

    messages = ""

    @property
    def count(self) -> int:
        asked, ready = len(ASKED.findall(self.messages)), len(READY.findall(self.messages))
        assert asked == ready, self.messages
        return asked


@contextmanager
def round_trips(alias: str = "default") -> Iterator[Wire]:
    """Count the round trips of *alias*, from an open connection to the end of the block."""
    connections[alias].ensure_connection()
    pgconn = connections[alias].connection.pgconn
    wire = Wire()
    with tempfile.TemporaryFile("w+") as trace:
        pgconn.trace(trace.fileno())
        pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield wire
        finally:
            pgconn.untrace()
            trace.seek(0)
            wire.messages = trace.read()
