"""The log of both sides: one logger, one shape of a line, one kind of file."""

import logging
import logging.handlers
from io import TextIOWrapper
from pathlib import Path

from .console import complain

LOGGER = logging.getLogger("utter")
LOG_LINE = logging.Formatter("%(asctime)s %(levelname)s %(message)s")


class LogFile(logging.handlers.RotatingFileHandler):
    """A file of at most 1 MB with the two before it beside it (.1, .2); made with its first line. It never raises.

    broken: the file could not be written. What it then misses goes to `console`, if there is one.
    """

    def __init__(self, path: Path, console: bool = False) -> None:
        super().__init__(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8", errors="backslashreplace", delay=True)
        self.setFormatter(LOG_LINE)
        self.path, self.console, self.broken = path, console, False

    def _open(self) -> TextIOWrapper:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def doRollover(self) -> None:
        try:
            super().doRollover()
        except OSError:  # Windows renames no file that another Blender holds open: go on in this one
            self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:
        self.broken = True
        if self.console:
            for line in self.format(record).splitlines():
                complain(line)
