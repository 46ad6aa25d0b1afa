"""python build.py evaluate: how well voices of strangers are heard and performed, as one table."""
