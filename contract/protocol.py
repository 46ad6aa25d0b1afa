"""The version of what the worker and Blender say to each other (docs/protocol.md)."""

PROTOCOL = 2


def check_protocol(theirs: object, who: str) -> str:
    """A sentence that says what to do if `who` ("The worker", "Blender") speaks another version than ours; "" if it does not."""
    if theirs == PROTOCOL:
        return ""
    if not isinstance(theirs, int):
        return f"{who} does not say which protocol it speaks; install the same version of Utter on both sides."
    age = "a newer protocol" if theirs > PROTOCOL else "an older protocol"
    return f"{who} speaks {age} ({theirs}) than this side ({PROTOCOL}); install the same version of Utter on both sides."
