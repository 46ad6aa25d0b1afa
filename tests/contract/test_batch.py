"""A batch list, which both sides read with the same code; each uses the columns that it can."""

import csv
import os
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import (
    BLENDER,
    CAPTURE_OPTIONS,
    COLUMNS,
    OPTIONS,
    RUNTIME,
    Cancelled,
    UtterError,
    VerbParser,
    add_arguments,
    check_task,
    exit_code,
    explain,
    find_films,
    find_voices,
    name_output,
    perform_all,
    read_list,
    row,
    tasks_of,
    usable,
    words_for,
)

LIST = """\ufeffVoice;Words;Seed;head;Emotion;pins;out

Zeilen/a.wav;"Nein; nie.";3;;cold;;x/y
b.wav;b.srt;;Anna;;p.npz;
c.wav;;;;;;;  ;zu viel
;hello;;;;;
"""


def test_a_list_is_read(tmp_path):
    (tmp_path / "l.csv").write_text(LIST, encoding="utf-8")
    (tmp_path / "b.srt").touch()
    rows = read_list(tmp_path / "l.csv")
    assert [title for title, _ in rows] == [f"l.csv row {number}" for number in (3, 4, 5, 6)]
    assert [row(cells, tmp_path) for _, cells in rows[:2]] == [
        {"voice": str(tmp_path / "Zeilen" / "a.wav"), "words": "Nein; nie.", "seed": "3", "prompt": "cold", "out": "x/y"},
        {"voice": str(tmp_path / "b.wav"), "words": str(tmp_path / "b.srt"), "head": "Anna", "pins": str(tmp_path / "p.npz")},
    ]
    with pytest.raises(UtterError, match="more cells"):
        row(rows[2][1], tmp_path)
    with pytest.raises(UtterError, match="names no voice"):
        row(rows[3][1], tmp_path)


@pytest.mark.parametrize(
    "text, sentence",
    [("words\nhi\n", "voice among them"), ("voice,colour\n", '"colour"'), ("voice,ears\n", '"ears"'), ("voice,seed,seed\n", "each once")],
)
def test_columns_that_cannot_be_used_are_named(tmp_path, text, sentence):
    (tmp_path / "l.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UtterError, match=sentence):
        read_list(tmp_path / "l.csv")


def test_each_command_leaves_out_what_it_cannot_use():
    asked = {"voice": "a.wav", "pins": "p.npz", "jaw": "bone", "out": "x"}
    assert usable(asked, RUNTIME) == ({"voice": "a.wav", "pins": "p.npz", "out": "x"}, "This command leaves out what the list says of jaw.")
    assert usable(asked, BLENDER)[0] == {"voice": "a.wav", "jaw": "bone", "out": "x"}


def test_voices_words_and_outputs_are_named(tmp_path):
    for name in ("b.WAV", "a.flac", "a.txt"):
        (tmp_path / name).touch()
    voices = find_voices([tmp_path])
    assert [path.name for path in voices] == ["a.flac", "b.WAV"]
    assert words_for(voices[0], str(tmp_path)) == str(tmp_path / "a.txt") and words_for(voices[1], str(tmp_path)) is None
    taken = {}
    assert name_output(tmp_path, None, "a.flac", ".npz", taken).name == "a.npz"
    assert name_output(tmp_path, None, "A.wav", ".npz", taken).name == "A_2.npz"
    with pytest.raises(UtterError, match="earlier row"):
        name_output(tmp_path, "a.npz", "c.wav", ".npz", taken)


def test_every_command_takes_every_column(tmp_path):
    """A list with all columns there are: both commands read it, and each says what it leaves out."""
    cells = dict.fromkeys(COLUMNS, "1")
    (tmp_path / "l.csv").write_text(",".join(cells) + "\n" + ",".join(cells.values()), encoding="utf-8")
    ((_, told),) = read_list(tmp_path / "l.csv")
    asked = row(told, tmp_path)
    kept, note = usable(asked, RUNTIME)
    assert set(asked) - set(kept) == {"start", "curves", "jaw", "actions"} and "start and curves and jaw and actions" in note
    kept, note = usable(asked, BLENDER)
    assert set(asked) - set(kept) == {"pins", "onto", "scope", "regions", "change", "variations"} and "pins" in note
    assert usable({"voice": "a.wav", "seed": "1"}, BLENDER) == ({"voice": "a.wav", "seed": "1"}, "")


def test_the_old_name_of_a_column(tmp_path):
    (tmp_path / "l.csv").write_text("voice,emotion\na.wav,happy\n")
    assert row(read_list(tmp_path / "l.csv")[0][1], tmp_path)["prompt"] == "happy"
    (tmp_path / "l.csv").write_text("voice,emotion,prompt\na.wav,happy,sad\n")
    with pytest.raises(UtterError, match="each once"):
        read_list(tmp_path / "l.csv")


def test_a_list_of_films(tmp_path):
    (tmp_path / "l.csv").write_text("film;sound;out\na.mp4;;x\nb.csv;b.wav;\n")
    rows = [row(cells, tmp_path, CAPTURE_OPTIONS) for _, cells in read_list(tmp_path / "l.csv", CAPTURE_OPTIONS)]
    assert rows == [{"film": str(tmp_path / "a.mp4"), "out": "x"}, {"film": str(tmp_path / "b.csv"), "sound": str(tmp_path / "b.wav")}]
    for text, sentence in (("voice\na.wav\n", "film among them"), ("film,seed\na.mp4,1\n", 'a column "seed"'), ("film\n", "no films")):
        (tmp_path / "l.csv").write_text(text)
        with pytest.raises(UtterError, match=sentence):
            read_list(tmp_path / "l.csv", CAPTURE_OPTIONS)
    for name in ("b.MP4", "a.csv", "notes.txt"):
        (tmp_path / name).touch()
    assert {path.name for path in find_films([tmp_path])} == {"a.csv", "b.MP4", "l.csv"}


def parser():
    made = VerbParser(prog="perform")
    made.add_argument("voices", nargs="*")
    add_arguments(made, OPTIONS.values(), RUNTIME)
    return made


def tasks_in(folder, *rows, columns="voice,words,seed,passages,identity,prompt,out"):
    """The tasks of a list of those rows, whose files go to the folder `out`."""
    (folder / "l.csv").write_text("\n".join((columns, *rows)), encoding="utf-8")
    made = parser()
    return tasks_of(str(folder / "l.csv"), folder / "out", ".npz", RUNTIME, made, made.parse_args([]))


def performed(tasks, one=lambda task: None, inputs=()):
    """(rows that were performed, {row: the exception}) of tasks."""
    done, told = [], {}

    def perform(task):
        one(task)
        done.append(task.title)

    count = perform_all(tasks, check_task, perform, lambda task, error: told.update({task.title.rpartition(" ")[2]: error}), inputs)
    assert count == len(done)
    return [title.rpartition(" ")[2] for title in done], told


@pytest.mark.parametrize(
    "error", [KeyError("grün"), MemoryError(), RecursionError(), OSError(28, "full"), ZeroDivisionError(), UtterError("No.")]
)
def test_nothing_in_one_row_stops_the_others(tmp_path, error):
    (tmp_path / "a.wav").touch()
    tasks = tasks_in(tmp_path, "a.wav,,1,,,,one", "a.wav,,2,,,,two", "a.wav,,3,,,,three")

    def fail(task):
        if task.options.seed == 2:
            raise error

    done, told = performed(tasks, fail)
    assert done == ["2", "4"] and told == {"3": error} and exit_code(len(done), 3) == 3
    asked = []
    sentence = explain(error, lambda: asked.append(1) or "the log tells more.")
    assert sentence.endswith(".") and "\n" not in sentence and bool(asked) == (not isinstance(error, UtterError))


def test_what_is_wrong_is_said_before_anything_is_performed(tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "half.json").write_text('[{"start": 0, "end": 1, "prompt": "\\ud800"}]')
    (tmp_path / "far.json").write_text('[{"start": 0, "end": 1e300, "prompt": "sad"}]')
    (tmp_path / "anna.docx").touch()
    tasks = tasks_in(
        tmp_path,
        "none.wav,,,,,,",
        "a.wav,anna.docx,,,,,",
        "a.wav,gone.srt,,,,,",
        f"a.wav,,{'9' * 5000},,,,",
        f"a.wav,,,,{'9' * 5000},,",
        "a.wav,,,deep.json,,,",
        "a.wav,,,half.json,,,",
        "a.wav,,,gone.json,,,",
        f"a.wav,,,,,,{'声' * 90}",
        "a.wav,,,,,,../a.wav/",
        "a.wav,,,far.json,,,good",
    )
    done, told = performed(tasks)
    assert (done, list(told)) == (["12"], [str(number) for number in range(2, 12)]), told
    assert all(isinstance(error, UtterError) and len(str(error)) < 600 for error in told.values()), told


def test_a_cancelled_batch_says_what_is_done(tmp_path):
    (tmp_path / "a.wav").touch()

    def cancel(task):
        if task.options.seed == 2:
            raise KeyboardInterrupt

    with pytest.raises(Cancelled, match="1 of 3 done"):
        performed(tasks_in(tmp_path, "a.wav,,1,,,,one", "a.wav,,2,,,,two", "a.wav,,3,,,,three"), cancel)


@pytest.mark.parametrize("out", ["sub/a", "./sub/a", "sub/../sub/a", "SUB/A", "sub/a.npz", "sub/a.NPZ", "{}/out/sub/a", "link/a"])
def test_two_rows_that_write_one_file(tmp_path, out):
    (tmp_path / "a.wav").touch()
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "link").symlink_to("sub", target_is_directory=True)
    done, told = performed(tasks_in(tmp_path, "a.wav,,,,,,sub/a", f"a.wav,,,,,,{out.format(tmp_path)}"))
    assert done == ["2"] and "earlier row" in str(told["3"])


def test_a_row_keeps_off_the_variations_of_another(tmp_path):
    (tmp_path / "a.wav").touch()
    rows = "a.wav,3,v", "a.wav,,v_take2", "a.wav,2,w_take", "a.wav,,v_take4", "a.wav,2,V_take4", "a.wav,99,x", "a.wav,x,y"
    done, told = performed(tasks_in(tmp_path, *rows, columns="voice,variations,out"))
    assert done == ["2", "4", "5", "7"] and "l.csv row 2 goes to" in str(told["3"]) and set(told) == {"3", "6", "8"}


def test_folders_where_a_recording_should_be(tmp_path):
    (tmp_path / "a.wav").touch()
    rows = ".,,", "a.wav,.,", "a.wav,gone.wav,", "a.wav,,a.wav", "a.wav,,gone", "a.wav,a.wav,gone", "a.wav,,."
    done, told = performed(tasks_in(tmp_path, *rows, columns="voice,neutral_voice,speaker"))
    assert done == ["7", "8"] and [str(told[row]).partition(f"{tmp_path}")[0] for row in "234"] == [
        "The voice ",
        *["The neutral voice "] * 2,
    ]
    assert "is no folder" in str(told["5"]) and "is no folder" in str(told["6"])


def test_what_is_there_stays_or_is_said(tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / "out").mkdir()
    for name in ("one.npz", "two.npz", "gone.npz"):
        (tmp_path / "out" / name).touch()
    tasks, notes, made = (
        tasks_in(tmp_path, "a.wav,,one", "a.wav,2,two", "b.wav,,gone", "a.wav,,four", columns="voice,variations,out"),
        [],
        [],
    )
    tell = lambda task, error: notes.append(str(error))
    assert perform_all(tasks, check_task, lambda task: made.append(task.output.stem), tell, (), True, notes.append) == 4
    assert made == ["two", "four"] and notes == ["2 of 4 are there already, and stay."]
    notes.clear()
    assert perform_all(tasks, check_task, lambda task: None, tell, (), False, notes.append) == 3
    assert "b.wav does not exist" in notes[0] and notes[1].startswith("1 of 4 are there already, and are made anew; --missing")


def test_names_in_any_normalisation_are_one_file(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
    (tmp_path / "a.wav").touch()
    assert performed(tasks_in(tmp_path, f"a.wav,,,,,,{composed}", f"a.wav,,,,,,{decomposed}"))[0] == ["2"]
    (tmp_path / decomposed).mkdir()
    (tmp_path / decomposed / f"{decomposed}.wav").touch()
    assert [path.name for path in find_voices([tmp_path / composed / f"{composed}.wav"])] == [f"{decomposed}.wav"]


def test_no_output_replaces_what_is_read(tmp_path):
    """Not even what another row reads, or what the caller names."""
    (tmp_path / "out").mkdir()
    for name in ("a.wav", "out/p.npz", "out/head.npz", "out/scene.npz"):
        (tmp_path / name).touch()
    tasks = tasks_in(
        tmp_path,
        "a.wav,out/p.npz,,other",
        "a.wav,,,P",
        "a.wav,,out/head.npz,",
        "a.wav,,,head",
        "a.wav,,,scene",
        columns="voice,pins,head,out",
    )
    done, told = performed(tasks, inputs=[str(tmp_path / "out" / "scene.npz")])
    assert done == ["2", "4"] and list(told) == ["3", "5", "6"] and all("would replace" in str(error) for error in told.values())


def test_names_are_as_long_as_a_file_system_takes(tmp_path):
    taken, names = {}, []
    for stem in ("声" * 83, "声" * 84, "a" * 251, "a" * 251 + "b"):
        path = name_output(tmp_path, None, f"{stem}.wav", ".blend", taken)
        path.touch()
        names.append(path.name)
        assert len(path.name.encode()) <= 255 and path.suffix == ".blend"
    assert len(set(names)) == 4
    assert name_output(tmp_path, "sub/", "b.wav", ".npz", {}) == tmp_path / "sub" / "b.npz"


def test_a_thousand_rows_of_one_voice_get_a_file_each(tmp_path):
    (tmp_path / "a.wav").touch()
    tasks = tasks_in(tmp_path, *["a.wav,,,,,,"] * 1000)
    done, told = performed(tasks)
    assert len(done) == 1000 and not told and len({task.output for task in tasks}) == 1000


def test_arguments_in_any_order():
    for arguments in (["--seed", "3", "a", "b"], ["a", "--seed", "3", "b"], ["a", "b", "--seed", "3"], ["a", "--seed=3", "--", "b"]):
        parsed = parser().parse_args(arguments)
        assert parsed.voices == ["a", "b"] and parsed.seed == 3
    with pytest.raises(UtterError, match="^Unrecognized"):
        parser().parse_args(["a", "--sed=3"])


CELLS = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    [
        "a.wav",
        "a.srt",
        "1",
        "-1",
        "1e999",
        "nan",
        "inf",
        "9" * 5000,
        "/",
        "..",
        "~",
        "声" * 100,
        "CON",
        "\\",
        "'",
        "--help",
        "=",
        "%s",
        "{}",
    ]
)


@settings(max_examples=int(os.environ.get("UTTER_EXAMPLES", 60)), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELLS)), min_size=1, max_size=4))
def test_random_cells_never_give_a_defect(tmp_path_factory, rows):
    folder = tmp_path_factory.getbasetemp() / "random"
    folder.mkdir(exist_ok=True)
    (folder / "a.wav").touch()
    (folder / "a.srt").touch()
    with open(folder / "l.csv", "w", encoding="utf-8", errors="surrogatepass", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    made = parser()
    try:
        tasks = tasks_of(str(folder / "l.csv"), folder / "out", ".npz", RUNTIME, made, made.parse_args([]))
    except UtterError:
        return
    told = performed(tasks)[1]
    assert all(isinstance(error, UtterError) for error in told.values()), told
    assert {path.name for path in folder.iterdir()} == {"a.wav", "a.srt", "l.csv"}
