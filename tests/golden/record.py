"""Record the golden files anew from a checkout: python -m tests.golden.record CHECKOUT. Only where a change of the results is meant."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.golden import cases


def main(checkout):
    checkout = Path(checkout).resolve()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        cases.inputs(checkout, folder)
        motions, bases, machine = cases.perform(cases.start_performing(checkout, folder), checkout, folder)
        about = json.dumps({"commit": commit, "machine": machine, "bases": bases})
        np.savez_compressed(folder / "motions.npz", **motions, about=np.array(about))
        cases.finish(cases.start_baking(checkout, folder, folder / "motions.npz"))
        for path in (cases.MOTIONS, cases.CURVES):  # both or none
            shutil.copyfile(folder / path.name, path)
    for path in (cases.MOTIONS, cases.CURVES):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} KB, of {commit[:7]} on {machine}")


if __name__ == "__main__":
    main(sys.argv[1])
