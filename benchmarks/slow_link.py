"""Pass a PostgreSQL connection on, half a millisecond later: a network between two hosts."""

import os
import select
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

DELAY = 0.0005


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        name = f".s.PGSQL.{os.environ.get('PGPORT', '5432')}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(Path(folder) / name))
            listener.listen()
            print(folder, flush=True)
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(Path(os.environ["PGHOST"]) / name))
                threading.Thread(target=carry, args=(client, server), daemon=True).start()


def carry(client: socket.socket, server: socket.socket) -> None:
    """Give on what each side says, in order, each piece a delay after it came."""
    other = {client: server, server: client}
    waiting: deque[tuple[float, socket.socket, bytes]] = deque()
    while True:
        timeout = None if not waiting else max(0.0, waiting[0][0] - time.perf_counter())
        # A wait that is to be exact spins at its end: select() may sleep some 60 us too long.
        ready, _, _ = select.select([client, server], [], [], timeout and max(0, timeout - 1e-4))
        for one in ready:
            data = one.recv(1 << 16)
            if not data:
                client.close()
                server.close()
                return
            waiting.append((time.perf_counter() + DELAY, other[one], data))
        while waiting and waiting[0][0] <= time.perf_counter():
            _, to, data = waiting.popleft()
            to.sendall(data)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit()
