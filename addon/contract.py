"""The contract (../contract): beside this package in an extension, a package of its own in a checkout."""

if __package__ == "addon":
    from contract import *  # noqa: F403
else:
    from ..contract import *  # type: ignore[import-not-found]  # noqa: F403
