"""A line on the terminal that says how far a long run is."""

from rls_perms.plan import Change

#: Fewer changes are done before anybody could read the line.
WORTH_SHOWING = 50
WIDTH = 30


class ProgressBar:
    """Draws over its own line of *stream*; on what is no terminal it draws nothing."""

    def __init__(self, stream: object) -> None:
        self.stream = stream
        self.shown = -1

    def __call__(self, done: int, of: int, change: Change) -> None:
        """Show how much of a sync is done, at most once a percent."""
        percent = 100 * done // of
        if of < WORTH_SHOWING or percent == self.shown or not self.stream.isatty():  # type: ignore[attr-defined]
            return
        self.shown = percent
        bar = "#" * (WIDTH * done // of)
        self._draw(f"[{bar:<{WIDTH}}] {done:,} of {of:,}: {change}")

    def end(self) -> None:
        """Leave the line empty for what comes next."""
        if self.shown >= 0:
            self._draw("")

    def _draw(self, line: str) -> None:
        # Cut, since a line that wraps would not be drawn over; \x1b[K clears the rest of it.
        self.stream.write(f"\r{line[:79]}\x1b[K", ending="")  # type: ignore[attr-defined]
        self.stream.flush()  # type: ignore[attr-defined]
