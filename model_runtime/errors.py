"""The one exception that carries a sentence for the artist."""


class UtterError(Exception):
    """Bad input or a refused request, said in one sentence that tells what to do.

    detail: more for the log (str), never shown first.
    """

    def __init__(self, sentence, detail=""):
        super().__init__(sentence)
        self.detail = detail


class Cancelled(Exception):
    """The work was cancelled from outside; nothing was written."""
