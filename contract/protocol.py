"""The version of what the worker and Blender say to each other (docs/protocol.md)."""

PROTOCOL = 2


def check_protocol(theirs: object, side: str) -> str:
    """A sentence that says what to do if that side ("The worker", "Blender") speaks another version than ours; "" if not."""
    if theirs == PROTOCOL:
        return ""
    if not isinstance(theirs, int):
        return f"{side} does not say which protocol it speaks; install the same version of Utter on both sides."
    age = "a newer protocol" if theirs > PROTOCOL else "an older protocol"
    return f"{side} speaks {age} ({theirs}) than this side ({PROTOCOL}); install the same version of Utter on both sides."
