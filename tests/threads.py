"""Run several things at the same moment, each with connections of its own."""

import threading

from django.db import connections


def at_once(*runs):
    """Run all in threads of their own; return what each ended with."""
    ends = [None] * len(runs)
    start = threading.Barrier(len(runs))

    def one(number, run):
        start.wait()
        try:
            ends[number] = run()
        except Exception as error:  # noqa: BLE001 - shown by the test
            ends[number] = repr(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(*pair,)) for pair in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends
