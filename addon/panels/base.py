"""What panels and their operators share: the sidebar's tab, the head that performs, buttons that start a job."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import compat, rigs
from ..animation import bake, layers
from ..contract import UtterError
from ..work import jobs

if TYPE_CHECKING:
    from ..settings import HeadSettings


AGAIN = 1.0  # seconds: panels and their buttons ask tens of times in one redraw; a change is seen at once

_known: dict[tuple[Any, int], tuple[Any, float]] = {}  # in a window: (what is asked, a head's session uid) -> answer, and when it was found


class Panel:
    """What Utter's panels share."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Utter"


class HeadPanel(Panel):
    """A panel that needs a head."""

    @classmethod
    def poll(cls, context):
        return not not_ready(chosen(context))


def settings_of(head: Any) -> "HeadSettings":
    """Object.utter: the settings of one head."""
    return head.utter


def take_over(head: Any) -> None:
    """Take over what an earlier version of Utter saved with an object under other names."""
    saved = compat.saved(head, "utter")
    for group, earlier, owner, name in (
        (saved, "emotion", head.utter, "prompt"),
        (saved.get("identity") if saved else None, "character", head.utter.identity, "seed"),
    ):
        if group and earlier in group:
            if name not in group:
                setattr(owner, name, group[earlier])
            del group[earlier]
    if saved and "show_hair" in saved:
        if not saved["show_hair"]:
            head.utter.hair_style = "NONE"
        del saved["show_hair"]


def chosen(context: Any) -> Any:
    """The head that performs: the one that the panel holds on to; else the one that is selected; without one the scene's choice while it
    is in the scene, or else the only one there; or None."""
    head, active = context.scene.utter.head, context.view_layer.objects.active
    there = head is not None and (context.scene.objects.get(head.name) == head or head in context.scene.objects.values())
    if there and (context.scene.utter.pinned or active == head):  # which is what the rest would find, many times in each redraw
        return head
    if active is not None and active.select_get():
        selected = rigs.find(context, others=False)
        if selected is not None and rigs.ready(selected):
            return selected
    if there:
        return head
    found = rigs.find(context)
    return found if found is not None and rigs.ready(found) else None


def briefly(ask: Callable[[Any], Any], head: Any) -> Any:
    """ask(head), for what is drawn and for polls: known for a moment, as long as nothing changes. None is asked again."""
    asked = ask, head.session_uid
    found, when = _known.get(asked, (None, 0.0))
    if found is None or bpy.app.background or time.monotonic() - when > AGAIN:
        found = ask(head)
        _known[asked] = found, time.monotonic()
    return found


def shown_rig(head: Any) -> Any:
    """The rig of a head for what is drawn and for polls. None where it is not ready."""
    return briefly(_rig, head)


def _rig(head):
    seen = rigs.recognise(head)
    return seen.kind(head) if seen.state == "ready" and seen.kind else None


@bpy.app.handlers.persistent
def _forget(*_):
    _known.clear()


def locked() -> bool:
    """Whether a job is at work with what the panels show: until it ends, fields that it uses stay as they are."""
    return jobs.current is not None and jobs.current.panel in ("perform", "capture")


def not_ready(head: Any) -> str:
    """A sentence that says why the chosen head (or None) cannot perform, or ""."""
    if head is None:
        return "Add a head first."
    return "" if shown_rig(head) else rigs.recognise(head).reason


def not_performed(head: Any, voice: bool = True) -> str:
    """Why there is no performance on a head (or None) to work on, or none that can be performed anew of its voice; or ""."""
    if why := not_ready(head):
        return why
    rig = shown_rig(head)
    if not bake.actions(rig):
        return layers.away(rig) or "Perform first."
    return torn(head) or ("" if settings_of(head).voice or not voice else "Choose a voice first.")


def torn(head: Any) -> str:
    """A sentence where a part of a head has let go of the take that the rest performs, as Blender's own buttons for Actions do; or ""."""
    rig = rigs.rig_of(head)
    ours, owners = bake.actions(rig), rig.owners()
    if all(owner.animation_data is None or owner.animation_data.action in ours for owner in owners):
        return ""
    take = next((take for take in settings_of(head).takes if take.keys in ours or take.bones in ours), None)
    if take is None:
        return ""
    if why := layers.tweaked(rig):
        return why
    for owner in owners:
        bones = isinstance(owner, bpy.types.Object)
        if owner.animation_data is not None and owner.animation_data.action not in ours and (take.bones if bones else take.keys):
            what = f"The bones of {owner.name}" if bones else f"The shape keys of {head.name}"
            return f"{what} no longer play the take; choose it again under Takes."
    return ""


def file_of(head: Any, given: str, what: str) -> str:
    """Absolute path of a file that the head's settings name; what: "voice" or "film". UtterError if none is chosen, or it is gone."""
    if not given.strip():
        raise UtterError(f"Choose a {what} first.")
    path = bpy.path.abspath(given, library=head.library)
    if not Path(path).is_file():
        raise UtterError(f"The {what} {path} does not exist; choose it again.")
    return path


def of_changes(after_update: Any, forget: Any) -> tuple[tuple[Any, Any], ...]:
    """Pairs for listen(), of who remembers something: after_update(scene, depsgraph) hears of changes, forget() of what changes all."""
    told = bpy.app.handlers
    return (told.depsgraph_update_post, after_update), *((each, forget) for each in (told.undo_post, told.redo_post, told.load_post))


def listen(pairs: Any) -> None:
    """Let handlers hear: (one of bpy.app.handlers, handler) each."""
    for handlers, handler in pairs:
        handlers.append(handler)


def deafen(pairs: Any) -> None:
    """Undo listen()."""
    for handlers, handler in pairs:
        if handler in handlers:
            handlers.remove(handler)


HANDLERS = tuple(
    (getattr(bpy.app.handlers, name), _forget)
    for name in ("depsgraph_update_post", "undo_pre", "redo_pre", "undo_post", "redo_post", "load_pre")
)


def register():
    listen(HANDLERS)


def unregister():
    deafen(HANDLERS)
    _forget()


class Does:
    """An operator that does something to the chosen head at once, in one step of undo, and reports what goes wrong."""

    bl_options = {"REGISTER", "UNDO"}
    report: Callable[..., None]  # an Operator's
    do: Callable[[Any], None]  # (head)

    def execute(self, context):
        try:
            self.do(chosen(context))
        except UtterError as error:
            self.report({"ERROR"}, jobs.legible(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}


class Starts:
    """An operator that starts a job: refuses while another runs, reports what goes wrong."""

    bl_options = {"REGISTER"}
    report: Callable[..., None]  # an Operator's
    job: Callable[[Any], jobs.Job | None]  # (context): what the button starts; None if that is done already

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, jobs.busy() or cls.refusal(context))

    @classmethod
    def refusal(cls, _context):
        """A sentence that says why the button cannot work now, or ""."""
        return ""

    def execute(self, context):
        try:
            job = self.job(context)
            if job is not None:
                jobs.do(job)
                for note in job.notes:  # without a window it is done by now
                    self.report({"WARNING"}, jobs.legible(note))
        except UtterError as error:
            self.report({"ERROR"}, jobs.legible(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}
