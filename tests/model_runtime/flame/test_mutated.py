"""A damaged head file is a head or a sentence, runs nothing, and takes no more memory than it may (mutated.py).

UTTER_EXAMPLES=2000 reads as many; without it a few hundred."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_damaged_files_are_heads_or_sentences(tmp_path):
    count = int(os.environ.get("UTTER_EXAMPLES", 200))
    command = [sys.executable, "-m", "tests.model_runtime.flame.mutated", str(count), str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=Path(__file__).parents[3], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told.keys() <= {"heads", "sentences", "ran", "megabytes"}, told
    assert told["heads"] + told["sentences"] >= 0.95 * count and min(told["heads"], told["sentences"]) > 0.1 * count, told
    assert told["ran"] == [] and told["megabytes"] < 1000, told
