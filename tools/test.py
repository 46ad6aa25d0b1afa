"""python build.py test [--quick] [pytest's arguments]: the checks that read the code, then the tests.

--quick leaves out the tests that take long, train, or need Blender (pyproject.toml's markers; tests/conftest.py says which those are).
`python build.py lint` runs the checks alone.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS = (  # what each runs with .venv's Python, from the project's root
    ("-m", "ruff", "check", "."),
    ("-m", "ruff", "format", "--check", "."),
    ("-m", "mypy"),
)
PARALLEL = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadscope", "--no-loadscope-reorder")  # in what order: tests/conftest.py
QUICK = ("-m", "not slow and not blender and not training")


def main(arguments):
    if {"-h", "--help"} & {*arguments}:
        print(__doc__.strip())
        return 0
    failed = [" ".join(check[1:]) for check in CHECKS if run(check)]
    code = 0
    if "--lint" not in arguments:
        rest = [argument for argument in arguments if argument != "--quick"]
        named = any(Path(ROOT, argument.partition("::")[0]).exists() for argument in rest)  # a few tests are sooner done in one process
        code = run(("-m", "pytest", *(() if named else PARALLEL), *(QUICK if "--quick" in arguments else ()), *rest))
    if failed:  # said after the tests, whose output has scrolled theirs away
        print(f"build.py: {' and '.join(failed)} found something: see above.", file=sys.stderr)
    return code or len(failed)


def run(command):
    return subprocess.call([sys.executable, *command], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
