"""The add-on's one exception that carries a sentence for the artist."""


class UtterError(Exception):
    """A refused request, said in one sentence that tells what to do. Operators report it and change nothing."""
