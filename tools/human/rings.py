"""Edge loops of the measured mesh: the rings of quads about the mouth and the eyes.

At a vertex with four edges a walk goes straight on: over the edge that shares no face with the one it came by.
"""

from collections import defaultdict


class Edges:
    """Walks the edges of quads [Q,4]."""

    def __init__(self, quads):
        self.near, self.faces = defaultdict(set), defaultdict(set)
        for number, quad in enumerate(quads.tolist()):
            for a, b in zip(quad, quad[1:] + quad[:1]):
                self.near[a].add(b)
                self.near[b].add(a)
                self.faces[a].add(number)

    def onward(self, before, at):
        """The vertex after `at` when coming from `before`; None where other than four edges meet."""
        if len(self.near[at]) != 4:
            return None
        both = self.faces[before] & self.faces[at]
        return next(v for v in self.near[at] if v != before and not self.faces[v] & both)

    def line(self, first, second, count):
        """[count] vertices from first over second straight on, fewer where a line ends."""
        path = [first, second]
        while len(path) < count and (after := self.onward(path[-2], path[-1])) is not None:
            path.append(after)
        return path

    def ring(self, first, second):
        """[first, second, ...] round to first again; ValueError if it does not close."""
        path = [first, second]
        while (after := self.onward(path[-2], path[-1])) != first:
            if after is None or len(path) > 1000:
                raise ValueError(f"no ring through {first} and {second}")
            path.append(after)
        return path
