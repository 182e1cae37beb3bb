import unicodedata
from pathlib import Path

import pytest

from ser.errors import PredictError
from ser.inference.timeline import Turn
from ser.inference.turns import read_turns, turns_of


def read(folder: Path, content: str | bytes, name: str = "turns.csv") -> dict[str, list[Turn]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_turns(path)


TABLE = "start,end,speaker\n2.5,4,山田 太郎\n0,3,Anna\n3,5,\n"
TURNS = [Turn(0, 3, "Anna"), Turn(2.5, 4, "山田 太郎"), Turn(3, 5, None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_as_spreadsheets_write_them(tmp_path: Path, encoding: str, delimiter: str) -> None:
    assert read(tmp_path, TABLE.replace(",", delimiter).encode(encoding)) == {"": TURNS}


def test_a_table_of_several_recordings(tmp_path: Path) -> None:
    table = read(tmp_path, "Path,SPEAKER,start,end,note\nb.wav,Anna,1,2,\na.wav,Bert,0,1,loud\nb.wav,Bert,0,1.5,\n")
    assert table == {"b.wav": [Turn(0, 1.5, "Bert"), Turn(1, 2, "Anna")], "a.wav": [Turn(0, 1, "Bert")]}


RTTM = """\
;; made by a diarizer
SPKR-INFO meeting 1 <NA> <NA> <NA> unknown Anna <NA> <NA>

SPEAKER meeting 1 130.430000 2.350 <NA> <NA> Anna <NA> <NA>
SPEAKER meeting 1 0.5 1.25 <NA> <NA> 山田 <NA>
SPEAKER\tother.take\t1\t0\t1\t<NA>\t<NA>\t<NA>\t0.9\t<NA>
SPEAKER meeting 1 7 0.000 <NA> <NA> nobody <NA> <NA>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_rttm(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path, RTTM.replace("\n", "\r\n").encode(encoding), "diarized.RTTM")
    assert list(table) == ["meeting", "other.take"] and table["other.take"] == [Turn(0, 1, None)]
    first, second = table["meeting"]
    assert first == (0.5, 1.75, "山田")
    assert second == (pytest.approx(130.43), pytest.approx(132.78), "Anna")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("start,end\n0,1\n", "the header lacks speaker"),
        ("onset,end,speaker\n0,1,a\n", "rename onset to start"),
        ("file,start,end,speaker\na.wav,0,1,a\n", "rename it to path"),
        ("start,end,speaker\n0,1,a\nx,2,a\n", "row 3: start must be a number of seconds, such as 1.25; got 'x'"),
        ("start,end,speaker\n0,,a\n", "row 2: end must be a number of seconds, such as 1.25; got ''"),
        ("start;end;speaker\n0;1,5;a\n", "got '1,5'"),
        ("start,end,speaker\nnan,1,a\n", "row 2: start must be a number"),
        ("start,end,speaker\n0,inf,a\n", "row 2: end must be a number"),
        ("start,end,speaker\n-1,1,a\n", "row 2: start must be a number of seconds, such as 1.25; got '-1'"),
        ("start,end,speaker\n2,1,a\n", "row 2: the turn ends at 1 s, before it starts at 2 s"),
        ("path,start,end,speaker\na.wav,0,1,a\n,0,1,a\n", "row 3 has no path"),
        ("start,end,speaker\n", "there is no turn in it"),
        ("start,end,speaker\n1,1,a\n", "there is no turn in it"),
        ("", "is empty; it must be a CSV file with the columns start and end"),
        (b"\xff\x00\x80", "is no text"),
    ],
)
def test_what_cannot_be_understood_is_said(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(PredictError) as error:
        read(tmp_path, content)
    message = str(error.value)
    assert message.startswith(f"--speakers {tmp_path / 'turns.csv'}: ") and said in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("SPEAKER a 1 0 1\n", "line 1 has 5 fields, and a SPEAKER line of RTTM at least 8"),
        (";;\nSPEAKER a 1 x 1 <NA> <NA> a <NA> <NA>\n", "line 2: the start must be a number"),
        (
            "SPEAKER a 1 0 -1 <NA> <NA> a <NA> <NA>\n",
            "line 1: the duration must be a number of seconds, such as 1.25; got '-1'",
        ),
        ("start,end,speaker\n0,1,a\n", "there is no turn in it"),
    ],
)
def test_what_is_no_rttm_is_said(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(PredictError) as error:
        read(tmp_path, content, "a.rttm")
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PredictError, match=r"none\.csv: there is no such file; give a CSV file with the columns"):
        read_turns(tmp_path / "none.csv")
    with pytest.raises(PredictError, match="is a folder"):
        read_turns(tmp_path)


def table_of(*names: str) -> dict[str, list[Turn]]:
    return {name: [Turn(0, 1, name)] for name in names}


@pytest.mark.parametrize(
    ("names", "recording", "found"),
    [
        (["b.wav", "a.wav"], "/data/a.wav", "a.wav"),
        (["a", "b"], "/data/a.wav", "a"),
        (["a.flac"], "/data/a.wav", "a.flac"),
        (["a.flac", "a.wav", "a"], "/data/a.wav", "a.wav"),
        (["two/a.wav", "one/a.wav"], "/data/one/a.wav", "one/a.wav"),
        (["two\\a.wav", "one\\a.wav"], "/data/one/a.wav", "one\\a.wav"),
        (["data/one/a", "one/a", "data/two/a"], "/data/one/a.wav", "data/one/a"),
        (["2026.10.01", "2026.10.02"], "/data/2026.10.02.wav", "2026.10.02"),
        (["/elsewhere/a.wav"], "/data/a.wav", "/elsewhere/a.wav"),
        ([""], "/data/a.wav", ""),
    ],
)
def test_a_recording_is_found_by_its_name(names: list[str], recording: str, found: str) -> None:
    assert turns_of(table_of(*names), Path(recording)) == [Turn(0, 1, found)]


def test_a_name_is_found_in_either_form_of_unicode(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "がっかり.wav") for form in ("NFC", "NFD"))
    for written, on_disk in ((composed, apart), (apart, composed)):
        table = read(tmp_path, f"path,start,end,speaker\n{written},0,1,a\n")
        assert turns_of(table, Path(on_disk)) == [Turn(0, 1, "a")]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["b.wav", "ba.wav", "a.take.wav"],
            "does not say of a.wav who speaks in it; it names b.wav, ba.wav, a.take.wav: write a.wav",
        ),
        (["one/a.wav", "two/a.wav"], "which of one/a.wav, two/a.wav it is"),
        ([f"{number}.wav" for number in range(9)], "it names 0.wav, 1.wav, 2.wav, 3.wav, 4.wav, ...: write a.wav"),
    ],
)
def test_a_recording_that_is_not_named(names: list[str], said: str) -> None:
    with pytest.raises(PredictError) as error:
        turns_of(table_of(*names), Path("a.wav"))
    assert said in str(error.value)
