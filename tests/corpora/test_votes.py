"""Several raters: from columns of a table to votes, and through spellings, maps and several corpora."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ser.config.schema import Labels
from ser.corpora.base import Utterance
from ser.corpora.reading import Clips, read_clips
from ser.corpora.several import Several
from ser.corpora.table import Table
from ser.corpora.votes import agreement
from ser.errors import ConfigError, CorpusError, SettingError
from ser.files import read_csv
from tests.conftest import Command

RATED = """path,speaker,r1,R2,r3,age
a.wav,anna,happy,Happy ,sad,20
b.wav,anna,sad,,n/a,20
c.wav,ben,happy,sad,calm,30
d.wav,ben,,,,30
e.wav,ben,sad,sad,excited,30
"""


def table(folder: Path, content: str, **settings: Any) -> Table:
    (folder / "t.csv").write_text(content, encoding="utf-8")
    return Table(**{"path": folder / "t.csv", "raters": None, "votes": None, **settings})


def labels(**settings: Any) -> Labels:
    return Labels(**{"name": "as_they_are", "map": {}, "only": None, "min_clips": 0, **settings})


def read(folder: Path, *, content: str = RATED, **settings: Any) -> Clips:
    return read_clips(table(folder, content, raters=["r1", "r2", "R3"]), labels(**settings))


def told(utterances: list[Utterance]) -> dict[str, tuple[str, dict[str, float]]]:
    return {one.id: (one.emotion, dict(one.votes or {})) for one in utterances}


def test_what_most_raters_say_is_the_emotion(tmp_path: Path) -> None:
    corpus = table(tmp_path, RATED, raters=["r1", "r2", "R3"])
    clips = read_clips(corpus, labels())
    assert told(clips.wanted) == {
        "a": ("happy", {"happy": 2, "sad": 1}),
        "b": ("sad", {"sad": 1}),
        "e": ("sad", {"sad": 2, "excited": 1}),
    }
    assert clips.wanted[0].attributes == {"age": "20"}, "words of raters are no attributes"
    assert any("1 of 4 clips are left out, for their votes are tied" in remark for remark in clips.remarks)
    assert any("do not count: excited (of 1 clips)" in remark for remark in clips.remarks)
    assert "1 rows are left out, for no rater judged them" in corpus.remarks([])
    tied = Utterance("c", Path("c"), "", None, "t", votes={"happy": 1, "sad": 1, "calm": 1})
    assert clips.agreement == agreement([*clips.whole, tied]) != agreement(clips.whole)


def test_a_column_emotion_counts_more_than_votes(tmp_path: Path) -> None:
    lines = RATED.splitlines()
    content = "\n".join([f"{lines[0]},emotion", *(f"{line},{word}" for line, word in zip(lines[1:], "-SCS-"))])  # noqa: B905
    content = content.replace(",S", ",Sad").replace(",C", ",calm").replace(",-", ",")
    found = told(read(tmp_path, content=content).wanted)
    assert {name: emotion for name, (emotion, _) in found.items()} == dict(
        zip("abcde", ["happy", "sad", "calm", "sad", "sad"], strict=True)
    )
    assert found["d"] == ("sad", {}) and found["c"][1] == {"happy": 1, "sad": 1, "calm": 1}


def test_a_map_holds_for_votes_too(tmp_path: Path) -> None:
    clips = read(tmp_path, map={"excited": "happy", "calm": None})
    assert told(clips.wanted)["e"] == ("sad", {"sad": 2, "happy": 1})
    assert clips.label_map and clips.label_map.map == {"happy": "happy", "sad": "sad", "excited": "happy"}
    assert not any("do not count" in remark or "no clip is labelled" in remark for remark in clips.remarks)
    assert read(tmp_path).label_map is None


def test_the_majority_is_that_of_classes(tmp_path: Path) -> None:
    lines = ["path,happy,excited,sad,calm", "a,1,1,1,", "b,1,1,2,", "c,,,1,2", "d,,,3,", "e,3%,,,"]
    corpus = table(tmp_path, "\n".join(lines), votes=["happy", "excited", "sad", "calm"])
    found = {one.id: one.emotion for one in read_clips(corpus, labels()).wanted}
    assert found == {"b": "sad", "c": "calm", "d": "sad", "e": "happy"}
    mapped = read_clips(corpus, labels(map={"excited": "happy", "calm": None}))
    assert {one.id: one.emotion for one in mapped.wanted} == {"a": "happy", "d": "sad", "e": "happy"}
    assert mapped.label_map and mapped.label_map.dropped == {"calm": 1}
    assert any("1 of 5 clips are left out, for their votes are tied" in remark for remark in mapped.remarks)


def test_where_all_votes_are_tied_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="the votes of all 2 clips are tied; a column emotion would decide"):
        read(tmp_path, content="path,r1,r2,r3\na,happy,sad,\nb,sad,happy,\n")


def test_votes_in_columns(tmp_path: Path) -> None:
    content = "path,happy,n_sad\na.wav,0.7,0.3\nb.wav,,1\nc.wav,0.5,0.5\n"
    clips = read_clips(table(tmp_path, content, votes={"Happy": "happy", "sad": "N_sad"}), labels())
    assert told(clips.wanted) == {"a": ("happy", {"happy": 0.7, "sad": 0.3}), "b": ("sad", {"sad": 1})}
    assert clips.agreement is None, "parts of one are no raters"
    counted = read_clips(table(tmp_path, "path,happy,sad\na,3,0\nb,0,3\n", votes=["happy", "sad"]), labels())
    assert counted.agreement == 1
    rounded = table(tmp_path, "path,happy,sad,calm\na,33,33,33\nb,67,17,17\n", votes=["happy", "sad", "calm"])
    assert read_clips(rounded, labels()).agreement is None


def test_several_corpora_keep_votes_by_common_words(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,r1,r2,r3\na,anger,anger,joy\nb,joy,joy,joy\n")
    (tmp_path / "u.csv").write_text("path,emotion\na,angry\nb,happy\n")
    kind = {"_target_": "ser.corpora.table.Table", "votes": None}
    parts = {"t": kind | {"path": str(tmp_path / "t.csv"), "raters": ["r1", "r2", "r3"]}}
    parts |= {"u": kind | {"path": str(tmp_path / "u.csv"), "raters": None}}
    found = told(read_clips(Several(parts=parts), labels()).wanted)
    assert found["t/a"] == ("angry", {"angry": 2, "happy": 1}) and found["u/a"] == ("angry", {})


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"raters": ["r9"]}, ConfigError, r"corpus\.raters: .*t\.csv has no column r9; it has path, speaker, r1"),
        ({"raters": ["r1", "R1"]}, SettingError, "raters: r1 is named twice"),
        ({"raters": ["emotion"]}, SettingError, "raters: emotion is what a column of another meaning is called"),
        ({"raters": ["r1"], "votes": ["r2"]}, SettingError, "votes: raters are named already"),
        ({"votes": {"sad": "age", "Sad": "r1"}}, SettingError, "votes: an emotion is named twice"),
        ({"votes": {"sad": "r1"}}, CorpusError, "row 2: r1 must be a number of votes, or how likely; got 'happy'"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        table(tmp_path, RATED, **settings).utterances()


def test_a_table_that_nobody_judged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nobody judged a row"):
        table(tmp_path, "path,r1\na.wav,\n", raters=["r1"]).utterances()


TAKEN = {"happy": "surprised", "surprised": "happy", "angry": "fearful", "fearful": "angry"}  # by part of the raters
PART = {"happy": 0.4, "surprised": 0.1, "angry": 0.45, "fearful": 0.1}
CODES = {"03": "happy", "05": "angry", "06": "fearful", "08": "surprised"}


def rated_recordings(speech: Path, folder: Path) -> None:
    """A table of segments: each recording is two speakers, one after the other; five raters, one of whom is lazy."""
    random = np.random.default_rng(0)
    lines = ["path,start,end,speaker,intensity,r1,r2,r3,r4,r5"]
    for code, emotion in CODES.items():
        for pair in (("01", "02"), ("03", "04")):
            clips = [sorted((speech / f"Actor_{actor}").glob(f"03-01-{code}-*.wav")) for actor in pair]
            for number, both in enumerate(zip(*clips, strict=True)):
                recording = folder / f"{code}-{pair[0]}-{number}.wav"
                heard = [soundfile.read(clip)[0] for clip in both]
                soundfile.write(recording, np.concatenate(heard), 16000)
                middle = len(heard[0]) / 16000
                for actor, times, clip in zip(pair, (f",{middle}", f"{middle},"), both, strict=True):
                    said = random.choice([TAKEN[emotion], emotion], 5, p=[PART[emotion], 1 - PART[emotion]])
                    said[4] = said[4] if number % 2 else ""
                    lines.append(",".join([recording.name, times, actor, clip.stem.split("-")[3], *said]))
    (folder / "t.csv").write_text("\n".join(lines))


def test_training_on_votes_comes_nearer_to_them_than_training_on_the_majority(
    command: Command, speech: Path, tmp_path: Path
) -> None:
    rated_recordings(speech, tmp_path)
    table = ["corpus=table", "corpus.path=t.csv", "corpus.raters=[r1,r2,r3,r4,r5]"]
    model = ["feature=mfcc", "model=linear", "augment=none", "split=speakers", "split.test=[03,04]", "split.val=[02]"]
    model += ["training.monitor=loss"]
    found = {}
    for name, votes in (("votes", "true"), ("majority", "false")):
        outcome = command(*table, *model, f"loss.votes={votes}", f"hydra.run.dir={name}")
        assert outcome.code == 0, outcome.output
        found[name] = json.loads((tmp_path / name / "metrics.json").read_text(encoding="utf-8"))
    by_votes, by_majority = (found[name]["votes"] for name in ("votes", "majority"))
    for score in ("cross_entropy", "jensen_shannon"):
        assert by_votes[score]["value"] < by_majority[score]["value"] < by_votes[score]["of_the_mean"]
    assert found["votes"]["split"]["hash"] == found["majority"]["split"]["hash"]
    assert 0.2 < found["votes"]["corpus"]["agreement"] < 0.8
    assert set(found["votes"]["breakdown"]) == {"speaker", "intensity"}, "further columns are kept, those of raters not"
    assert {one["n_speakers"] for one in found["votes"]["breakdown"]["intensity"]} == {2}
    report = (tmp_path / "votes" / "report.txt").read_text(encoding="utf-8")
    assert "Jensen-Shannon divergence" in report and "Krippendorff's alpha" in report
    assert "votes are tied" in outcome.output
    rows = read_csv(tmp_path / "votes" / "predictions.csv")
    assert {row["speaker"] for row in rows} == {"03", "04"}
    assert {sum(float(row[f"votes_{label}"]) for label in found["votes"]["labels"]) for row in rows} == {4, 5}
