"""Reading tables of own recordings as spreadsheets and people write them."""

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ser.corpora.base import WHOLE, Segment, Utterance
from ser.corpora.table import Table
from ser.errors import ConfigError, CorpusError, CorpusNotFound
from tests.conftest import FAST, Command


def table(path: Path, **settings: Any) -> Table:
    return Table(**{"path": path, "raters": None, "votes": None, **settings})


def read(folder: Path, content: str | bytes, name: str = "table.csv") -> list[Utterance]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return table(folder / name).utterances()


def test_columns_become_an_utterance(tmp_path: Path) -> None:
    content = "Path, EMOTION ,speaker,Gender,split\nb/2.wav, Happy ,anna,f,train\n/data/1.flac,怒り,,,TEST\n"
    far, near = read(tmp_path, content)
    assert (near.id, near.path, near.emotion, near.speaker) == ("b/2", tmp_path / "b/2.wav", "Happy", "anna")
    assert near.attributes == {"gender": "f", "split": "train"} and near.corpus == "table"
    assert (far.path, far.emotion, far.speaker) == (Path("/data/1.flac"), "怒り", None)
    assert far.id == os.path.relpath("/data/1", tmp_path) and far.attributes == {"gender": "", "split": "TEST"}


ROWS = "path,emotion,speaker\n録音/喜び.wav,喜び,山田\nb.wav,sad,鈴木\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_what_spreadsheets_write(tmp_path: Path, encoding: str, delimiter: str, newline: str) -> None:
    content = ROWS.replace(",", delimiter).replace("\n", newline).encode(encoding)
    found = [(u.id, u.emotion, u.speaker) for u in read(tmp_path, content)]
    assert found == [("b", "sad", "鈴木"), ("録音/喜び", "喜び", "山田")]


def test_shift_jis_is_told(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(ROWS.encode("cp932"))
    corpus = table(tmp_path / "table.csv")
    (remark,) = corpus.remarks(corpus.utterances())
    assert "Shift_JIS" in remark
    (tmp_path / "table.csv").write_bytes(ROWS.encode())
    assert corpus.remarks(corpus.utterances()) == []


@pytest.mark.parametrize(("on_disk", "written"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC"), ("NFD", "NFD")])
def test_a_name_is_found_in_either_form_of_unicode(tmp_path: Path, on_disk: str, written: str) -> None:
    name = "ご機嫌/がっかり.wav"
    path = tmp_path / unicodedata.normalize(on_disk, name)  # type: ignore[arg-type]
    path.parent.mkdir()
    path.touch()
    cell = unicodedata.normalize(written, name)  # type: ignore[arg-type]
    for start in ("", f"{tmp_path}/"):
        (utterance,) = read(tmp_path, f"path,emotion\n{start}{cell},sad\n")
        assert utterance.path.is_file() and utterance.id == "ご機嫌/がっかり"


def test_backslashes_quotes_blank_rows_and_spare_columns(tmp_path: Path) -> None:
    content = '\npath,emotion,,\n"a\\b, c.wav","sad",,\n,,,\n\n d.e.wav ,sad,,\n..\\f.wav,sad,,\n'
    utterances = read(tmp_path, content)
    assert [utterance.id for utterance in utterances] == ["../f", "a/b, c", "d.e"]
    assert all(utterance.attributes == {} for utterance in utterances)


def test_missing_clips_are_left_to_the_run(tmp_path: Path) -> None:
    long = "x" * 300
    (tmp_path / "folder.wav").mkdir()
    assert len(read(tmp_path, f"path,emotion\nnowhere/a.wav,sad\n{long}.wav,sad\nfolder.wav,sad\n.,sad\n")) == 4


def test_addresses_and_home_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    written = ["file:///data/my%20a.wav", "FILE://localhost/data/b.wav", "~/c.wav", "sub\\d.wav", "~\\e.wav"]
    rows = "".join(f"{path},sad\n" for path in written)
    found = {utterance.path for utterance in read(tmp_path, f"path,emotion\n{rows}")}
    home = tmp_path / "home"
    assert found == {
        Path("/data/my a.wav"),
        Path("/data/b.wav"),
        home / "c.wav",
        tmp_path / "sub/d.wav",
        home / "e.wav",
    }


@pytest.mark.parametrize(
    "content",
    [
        'path,emotion,speaker\n"a.wav", "sad", "x"\n',
        "sep=;\r\npath;emotion;speaker\r\na.wav;sad;x\r\n",
        '"sep=|"\npath|emotion|speaker\na.wav|sad|x\n',
        "SEP=\t\npath\temotion\tspeaker\na.wav\tsad\tx\n",
        "path|emotion|speaker\na.wav|sad|x\n",
        'sep=;,, \npath;emotion;speaker\n"a.wav" ; "sad" ;x\n',
    ],
)
def test_separators_and_quotes_as_people_have_them(tmp_path: Path, content: str) -> None:
    (utterance,) = read(tmp_path, content)
    assert (utterance.id, utterance.emotion, utterance.speaker, utterance.attributes) == ("a", "sad", "x", {})


def test_segments_of_a_recording(tmp_path: Path) -> None:
    rows = "a.wav,sad,0,1.50\na.wav,happy,1.5,\nb.wav,sad,,\nc.wav,sad,-,2\n"
    found = {u.id: (u.path.name, u.segment) for u in read(tmp_path, f"path,emotion,start,end\n{rows}")}
    assert found == {
        "a@0-1.5": ("a.wav", Segment(0, 1.5)),
        "a@1.5-": ("a.wav", Segment(1.5)),
        "b": ("b.wav", WHOLE),
        "c@0-2": ("c.wav", Segment(0, 2)),
    }


def test_columns_that_are_used_for_nothing_are_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,emotion,split,gender,age,start_time,spk\na.wav,sad,train,f,9,1,x\n")
    corpus = table(tmp_path / "t.csv")
    corpus.utterances()
    (remark,) = corpus.remarks([])
    assert "age, start_time, spk; to use one, rename it: spk to speaker, start_time to start" in remark


HEADER = "path,emotion\n"
MISTAKES: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "is empty"),
    "blank": ("\n \n,,\n", "is empty"),
    "no rows": (HEADER, "no rows below the header"),
    "no header": ("a.wav,sad\n", "the header lacks path and emotion; it is a.wav, sad"),
    "no emotion column": ("path,label\na.wav,sad\n", "the header lacks emotion; it is path, label"),
    "a column twice": ("path,emotion,Path\na.wav,sad,b.wav\n", "names path twice"),
    "no path": (f"{HEADER}a.wav,sad\n ,sad\n", "row 3 has no path"),
    "no emotion": (f"{HEADER}\na.wav,\n", "row 3 has no emotion"),
    "an emotion that is none": (f"{HEADER}a.wav,NaN\n", "row 2 has no emotion ('NaN')"),
    "another name": ("file,label\na.wav,sad\n", "rename file to path, rename label to emotion"),
    "no time": ("path,emotion,start\na.wav,sad,1:05\n", "row 2: start must be a number of seconds"),
    "a segment backwards": (
        "path,emotion,start,end\na.wav,sad,2,1\n",
        "row 2: the segment ends at 1 s and starts at 2 s",
    ),
    "too few fields": (f"{HEADER}a.wav,sad\nb.wav\n", "row 3 has 1 fields where the header has 2"),
    "too many fields": (f"{HEADER}a, b.wav,sad\n", "row 2 has 3 fields"),
    "twice": (f"{HEADER}a.wav,sad\nb.wav,sad\nx/../a.wav,happy\n", "rows 2 and 4 name the same recording, a "),
    "two endings": (f"{HEADER}a.wav,sad\na.mp3,sad\n", "rows 2 and 3 name the same recording, a "),
    "an open quote": (f'{HEADER}"a.wav,sad\nb.wav,sad\n', "row 2 cannot be read"),
    "a spreadsheet file": (b"PK\x03\x04\x14\x00\x06\x00", "save it as CSV UTF-8"),
    "another encoding": ("path,emotion\na.wav,trübe\n".encode("latin-1") + b"\xff\xfd", "save it as CSV UTF-8"),
    "half of UTF-16": (ROWS.encode("utf-16")[:-1], "save it as CSV UTF-8"),
}


@pytest.mark.parametrize(("content", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_answered_in_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, content, "mine.csv")
    assert said in str(caught.value) and "mine.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_path_that_is_no_table(tmp_path: Path) -> None:
    for path in (None, ""):
        with pytest.raises(ConfigError, match=r"corpus\.path is not set; set corpus\.path=<table\.csv>"):
            table(path).utterances()
    with pytest.raises(CorpusNotFound, match=r"nowhere\.csv: there is no such file"):
        table(tmp_path / "nowhere.csv").utterances()
    with pytest.raises(CorpusNotFound, match=r"is a folder, not a table.*corpus=folder"):
        table(tmp_path).utterances()


def test_a_run_on_a_table_and_its_own_split(command: Command, speech: Path, tmp_path: Path) -> None:
    labels = {"03": "喜び", "05": "怒り"}
    parts = {"01": "train", "02": "Train", "03": "dev", "04": "test"}
    lines = ["path;emotion;speaker;split;fold;年齢"]
    for actor, part in parts.items():
        for code, label in labels.items():
            for clip in sorted((speech / f"Actor_{actor}").glob(f"03-01-{code}-*.wav"))[:4]:
                lines.append(f"{clip};{label};話者{actor};{part};x;{20 + int(actor)}")
    copied = tmp_path / "録音" / "ない.flac"
    copied.parent.mkdir()
    soundfile.write(copied, *soundfile.read(clip))
    lines += ["録音\\ない.flac;喜び;話者04;test;x;24", "nowhere.wav;怒り;話者01;train;x;21"]
    (tmp_path / "会話.csv").write_text("\n".join(lines), encoding="cp932")
    outcome = command("corpus=table", "corpus.path='会話.csv'", "split=given", "hydra.run.dir=run", *FAST, "epochs=1")
    assert outcome.code == 0, outcome.output
    assert "left out 1 of 34 clips" in outcome.output and "speaker_independent: yes" in outcome.output
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["split"]["name"], metrics["n_test"], metrics["split"]["n_val"]) == ("given", 9, 8)
    header, *rows = (tmp_path / "run" / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert header.endswith("p_喜び,p_怒り,split,attribute_fold,年齢") and len(rows) == 9
    assert rows[-1].startswith("録音/ない,")
