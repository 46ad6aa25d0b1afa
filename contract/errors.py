"""The exceptions that both sides know."""


class UtterError(Exception):
    """Bad input or a refused request, said in one sentence that tells what to do.

    detail: more for the log, never shown first.
    """

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


class Cancelled(Exception):
    """The work was cancelled from outside; nothing was written."""
