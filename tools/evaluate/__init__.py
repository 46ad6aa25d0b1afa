"""python build.py evaluate: how well new voices are heard and performed, as one table."""
