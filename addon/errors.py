"""The add-on's one exception that carries a sentence for the artist."""


class UtterError(Exception):
    """A refused request, said in one sentence that tells what to do. Operators report it and change nothing.

    detail: more for the log (str), never shown first.
    """

    def __init__(self, sentence, detail=""):
        super().__init__(sentence)
        self.detail = detail
