import sys

from contract import complain, lacking

try:
    from model_runtime.cli import main
except ModuleNotFoundError as error:  # numpy; what else may be missing is imported where it computes
    complain(f"This Python lacks {', '.join(lacking(error))}; python build.py installs all that Utter needs.")
    sys.exit(2)

sys.exit(main())
