"""Pins: the keys that the artist set or changed. Re-diffusing keeps them exactly and performs the rest anew around them."""

from typing import Any

import bpy

from .. import rigs
from ..animation import bake, tracks
from ..animation.obstacles import obstacles
from ..work import jobs
from . import perform, scope, takes
from .base import HeadPanel, Starts, chosen, deafen, listen, not_performed, not_ready, of_changes, settings_of, shown_rig

RESTS = 0.3  # seconds after which keys and sliders are no longer dragged

# For panels are drawn many times a second, and a minute has 100,000 keys. (What is asked of a head's keys, its session uid, those of its
# Actions) -> answer; found anew once the Actions rest.
# And -> what keeps it still, with the session uids of the data-blocks that it comes from; found anew once these rest.
_known: dict[tuple[Any, ...], Any] = {}
_told: dict[int, tuple[list[str], set[int]]] = {}


def _ask(answer, head):
    """answer(rig) of a head, as long as it is known."""
    rig = shown_rig(head) or rigs.rig_of(head)
    key = answer, head.session_uid, *(action.session_uid for action in bake.actions(rig))
    if key not in _known or bpy.app.background:
        _known[key] = answer(rig)
    return _known[key]


def tally(head):
    """{column of a performance: how many keys of the artist's are on its tracks}, of those that have some."""
    return _ask(_tally, head)


def _tally(rig):
    found: dict[int, int] = {}
    for track, column in rig.columns_of().items():
        if count := len(tracks.held(tracks.find(track))):
            found[column] = found.get(column, 0) + count
    return found


def frames_held(head):
    """The scene frames at which the artist holds a key, in order."""
    return sorted({round(float(frame), 3) for frame in rigs.rig_of(head).pins()[0]})


def count_cleaned(head):
    """On how many curves a stretch is clean of our keys."""
    return len(_ask(bake.cleaned, head))


def later():
    """Keys change, or a slider is dragged: what is known of keys is asked again once that rests."""
    if bpy.app.background:
        return
    if bpy.app.timers.is_registered(_ask_again):
        bpy.app.timers.unregister(_ask_again)
    bpy.app.timers.register(_ask_again, first_interval=RESTS)


def unsure():
    """Whether keys have changed since they were counted: what needs some may be tried then."""
    return bpy.app.timers.is_registered(_ask_again)


def _ask_again():
    """Ask what was asked, of the head that the panel shows; of others it is forgotten."""
    asked = {(answer, uid) for answer, uid, *_ in _known}
    _known.clear()
    if (head := chosen(bpy.context)) is not None and shown_rig(head):
        for answer in [answer for answer, uid in asked if uid == head.session_uid]:
            _ask(answer, head)
        told = head.session_uid in _told
        _told.clear()
        if told:
            in_the_way(head)
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def count(head):
    """How many keys of the artist are on the head's performance."""
    return _ask(bake.count_pins, head)


def count_soft(head):
    """How many of them are soft."""
    return _ask(bake.count_soft, head)


def any_captured(head):
    """Whether some of these came from a film."""
    return bool(_ask(bake.captured, head))


def in_the_way(head):
    """A sentence for each thing that keeps the head from moving as it was performed."""
    if head.session_uid not in _told or bpy.app.background:
        rig = rigs.rig_of(head)
        owners = [head, *rig.owners()]
        blocks = [*owners, *bake.actions(rig), *(owner.data for owner in owners if isinstance(owner, bpy.types.Object))]
        _told[head.session_uid] = obstacles(rig), {block.session_uid for block in blocks}
    return _told[head.session_uid][0]


@bpy.app.handlers.persistent
def _forget(*_):
    _known.clear()
    _told.clear()


@bpy.app.handlers.persistent
def _after_update(_scene, depsgraph):
    changed = {update.id.original.session_uid for update in depsgraph.updates} if _told else set()
    if (_known and depsgraph.id_type_updated("ACTION")) or any(blocks & changed for _, blocks in _told.values()):
        later()


class UTTER_OT_rediffuse(Starts, bpy.types.Operator):
    bl_idname = "utter.rediffuse"
    bl_label = "Re-diffuse"
    bl_description = (
        "Perform the scope anew around your keys: keys that you set or changed stay exactly as they are, everything else in the scope "
        "makes room for them, and what lies outside keeps its keys. The same seed draws the same"
    )

    @classmethod
    def refusal(cls, context):
        head = chosen(context)
        if head is None or not_performed(head):
            return not_performed(head) if head is not None else "Perform first."
        if not scope.whole(settings_of(head)):
            return scope.refusal(context.scene, settings_of(head))
        return "" if count(head) or unsure() else "Set or change a key on the head's curves first, or choose a scope."

    def job(self, context):
        return perform.perform_job(context.scene, chosen(context), rediffuse=True)


class UTTER_OT_variations(Starts, bpy.types.Operator):
    bl_idname = "utter.variations"
    bl_label = "Variations"
    bl_description = "Perform the scope anew several times at once, around your keys, each of another seed: every one becomes a take"

    @classmethod
    def refusal(cls, context):
        head = chosen(context)
        if head is not None and scope.whole(settings_of(head)):
            return not_performed(head)
        return UTTER_OT_rediffuse.refusal(context)

    def job(self, context):
        head = chosen(context)
        return perform.perform_job(context.scene, head, rediffuse=True, variations=settings_of(head).variations)


class UTTER_OT_soften(bpy.types.Operator):
    bl_idname = "utter.soften"
    bl_label = "Soft or Exact"
    bl_options = {"REGISTER", "UNDO"}
    soft: bpy.props.BoolProperty(name="Soft", default=True)

    @classmethod
    def description(cls, _context, properties):
        if properties.soft:
            return (
                "Make the selected keys on the head's curves soft (type Breakdown): Re-diffuse comes near them, within the tolerance, and "
                "may move them where that is allowed"
            )
        return "Make the selected soft keys exact again, with the values that you set"

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        performed = head is not None and not not_ready(head) and bake.actions(shown_rig(head))
        return jobs.allowed(cls, jobs.busy() or ("" if performed else "Perform first."))

    def execute(self, context):
        if not bake.soften(rigs.rig_of(chosen(context)), self.soft):
            what = "keys" if self.soft else "soft keys"
            self.report({"ERROR"}, f"Select {what} on the head's curves first, in the Dope Sheet or the Graph Editor.")
            return {"CANCELLED"}
        return {"FINISHED"}


class UTTER_OT_clear(bpy.types.Operator):
    bl_idname = "utter.clear"
    bl_label = "Clear Performance"
    bl_description = "Take Utter's keys off the head; your own Actions stay"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        why = not_ready(head) if head is not None else ""
        performed = head is not None and not why and bake.actions(shown_rig(head))
        return jobs.allowed(cls, jobs.busy() or why or ("" if performed else "There is no performance on this head."))

    def execute(self, context):
        takes.own(chosen(context))
        bake.clear(rigs.rig_of(chosen(context)))
        return {"FINISHED"}


class UTTER_OT_why_still(bpy.types.Operator):
    bl_idname = "utter.why_still"
    bl_label = "Why Does It Not Move?"
    bl_description = "Say all that keeps the head from moving as it was performed: drivers, muted curves, the NLA, constraints and others"

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, "" if chosen(context) else "Add a head first.")

    def execute(self, context):
        head = chosen(context)
        _told.pop(head.session_uid, None)
        rig = rigs.rig_of(head)
        first, *rest = in_the_way(head) or [
            "Nothing is in its way." if bake.actions(rig) else "There is no performance on this head; perform first."
        ]
        jobs.say("pins", first, "INFO", rest)
        for sentence in (first, *rest):
            self.report({"INFO"}, jobs.legible(sentence))
        return {"FINISHED"}


class UTTER_PT_pins(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_pins"
    bl_label = "Your Keys"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        if not bake.actions(shown_rig(head)):
            layout.label(text="No performance yet.", icon="INFO")
            for sentence in in_the_way(head)[:1]:  # it was pushed down into the NLA
                jobs.draw_text(layout, sentence, context.region.width, icon="ERROR")
            return
        pins = count(head)
        layout.label(
            text=f"{pins} {'keys' if pins > 1 else 'key'} of yours to keep." if pins else "None yet: edit a curve to pin it.",
            icon="KEYTYPE_KEYFRAME_VEC" if pins else "INFO",
        )
        settings = settings_of(head)
        row = layout.row(align=True)
        row.operator("utter.soften", text="Soft").soft = True
        row.operator("utter.soften", text="Exact").soft = False
        if soft := count_soft(head):
            column = layout.column(align=True)
            column.use_property_split = True
            column.use_property_decorate = False
            column.prop(settings, "soft_tolerance", text=f"{soft} Soft Within", slider=True)
            column.prop(settings, "soft_shift")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "scope")
        column.column(align=True).prop(settings, "scope_regions", expand=True)
        column.prop(settings, "scope_change", text="May Change", slider=True)
        row = layout.row(align=True)
        row.operator("utter.rediffuse", text="Re-diffuse Around My Keys", icon="MOD_WAVE")
        row.operator("utter.new_seed", text="", icon="FILE_REFRESH")
        row = layout.row(align=True)
        row.operator("utter.variations", text=f"{settings.variations} More", icon="DUPLICATE")
        row.prop(settings, "variations", text="")
        layout.operator("utter.clear", icon="TRASH")
        if (told := in_the_way(head)) and jobs.Message.panel != "pins":  # else the button's answer says it
            jobs.draw_text(layout, told[0], context.region.width, icon="ERROR")
        layout.operator("utter.why_still", icon="QUESTION")
        jobs.draw_message(layout, "pins", context.region.width)


HANDLERS = of_changes(_after_update, _forget)


def register():
    listen(HANDLERS)


def unregister():
    deafen(HANDLERS)
    if bpy.app.timers.is_registered(_ask_again):
        bpy.app.timers.unregister(_ask_again)
    _forget()


CLASSES = (UTTER_OT_rediffuse, UTTER_OT_variations, UTTER_OT_soften, UTTER_OT_clear, UTTER_OT_why_still, UTTER_PT_pins)
