"""Parts of which a score would mean nothing are refused before training; what they lack is said."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ser.corpora.base import Segment, Utterance
from ser.errors import SplitError
from ser.splits.audit import audit
from ser.splits.base import PARTS, Split
from ser.splits.overlaps import shared_content
from ser.splits.sense import check_sense
from tests.conftest import Command
from tests.splits.test_splits import distinct, protocol, utterance


def split_of(fold: int = 1, **emotions: str) -> Split:
    """Parts with a clip for each letter, by speakers of their own."""
    parts = {
        part: [utterance(f"{part}{n}", letter, f"{part}{n % 2}") for n, letter in enumerate(emotions[part])]
        for part in PARTS
    }
    return Split("made", fold, 2, True, **parts)


def check(*folds: Split) -> list[str]:
    return check_sense(folds, distinct([u for part in PARTS for u in getattr(folds[0], part)]))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"train": "aabb", "val": "aa", "test": "ab"}, "validation is 2 clips, all of a, so it cannot tell one epoch"),
        ({"train": "aabb", "val": "b", "test": "ab"}, "validation is 1 clip, all of b"),
        ({"train": "aabb", "val": "ab", "test": "bbb"}, "test is 3 clips, all of b, so its score would mean nothing"),
    ],
)
def test_a_part_of_one_emotion_is_refused(parts: dict[str, str], said: str) -> None:
    with pytest.raises(SplitError, match=f"split=made, fold 1: {said}"):
        check(split_of(**parts))


def test_what_parts_lack_is_said() -> None:
    assert check(split_of(train="abc", val="abc", test="abc")) == []
    assert check(split_of(train="aabbcc", val="ab", test="bc")) == [
        "split=made: validation lacks c (fold 1); its UAR is that of the emotions it has",
        "split=made: test lacks a (fold 1); its UAR is that of the emotions it has",
    ]


def test_of_folds_that_are_pooled_each_test_may_have_one_emotion() -> None:
    whole = {"train": "aabb", "val": "ab"}
    (remark,) = check(split_of(1, **whole, test="aa"), split_of(2, **whole, test="bb"))
    assert "test lacks b (fold 1), a (fold 2)" in remark


def one_each(n_clips: int) -> list[Utterance]:
    return [
        utterance(f"{who}{n}", emotion, who)
        for who, emotion in zip("pqrs", "abab", strict=True)
        for n in range(n_clips)
    ]


def thirds(utterances: Sequence[Utterance]) -> Split:
    return Split("made", 1, 1, False, list(utterances[::3]), list(utterances[1::3]), list(utterances[2::3]))


def test_speakers_of_one_emotion_each() -> None:
    with pytest.raises(SplitError, match=r"one emotion only \(p: a, q: b, s: b, ...\), and speakers are"):
        check(thirds(one_each(2)))
    apart = Split("made", 1, 1, True, one_each(2)[:4], one_each(2)[:4], one_each(2)[4:])
    assert [remark.endswith("cannot be told apart in training") for remark in check(apart)] == [True]
    many = [utterance(f"m{n}", "ab"[n % 2], f"m{n}") for n in range(20)]
    assert check(thirds([*one_each(2), *many])) == []  # few are heard more than once
    lonely = [utterance(str(n), "ab"[n % 2], str(n)) for n in range(8)]  # a speaker for each clip says nothing
    assert check(Split("made", 1, 1, False, lonely[:4], lonely[4:6], lonely[6:])) == []


def test_identical_recordings_under_two_labels() -> None:
    utterances = [utterance(str(n), "ab"[n % 2], "s") for n in range(8)]
    split = Split("made", 1, 1, False, utterances[:4], utterances[4:6], utterances[6:])
    few = {**distinct(utterances), "0": "same", "1": "same"}
    (remark,) = check_sense([split], few)
    assert "1 identical recordings are there under several emotions, such as 0 (a) = 1 (b)" in remark
    with pytest.raises(
        SplitError, match=r"3 of 5 distinct recordings are there under several emotions, 0 \(a\) = 1 \(b\)"
    ):
        check_sense([split], {u.id: str(min(n // 2, 3 + n % 2) if n < 6 else n) for n, u in enumerate(utterances)})


def segment(name: str, start_s: float, end_s: float | None, file: str = "long") -> Utterance:
    return Utterance(name, Path(f"{file}.wav"), "a", name, "made", segment=Segment(start_s, end_s))


def test_segments_that_overlap_share_their_content() -> None:
    utterances = [
        *(segment("a", 0, 2), segment("b", 1.5, 3), segment("c", 2.5, 4), segment("d", 4, 5), segment("e", 9, None)),
        *(segment("f", 20, 30), segment("g", 0, 2, "other"), segment("h", 6, 7), segment("i", 0, None, "more")),
    ]
    same = {**distinct(utterances), "i": "digest of c"}  # a copy of a segment, in a file of its own
    shared = shared_content(utterances, same, {u.id: u.path.stem for u in utterances})
    groups = {frozenset(other for other in shared if shared[other] == shared[name]) for name in shared}
    assert {"".join(sorted(group)) for group in groups} == {"abci", "d", "ef", "g", "h"}
    copies = [segment("x", 0, 2, "long"), segment("y", 1, 3, "copy of long")]
    assert len(set(shared_content(copies, distinct(copies), {"x": "same", "y": "same"}).values())) == 1
    found = audit(Split("made", 1, 1, True, utterances[:1], utterances[3:4], utterances[1:3]), shared)
    assert found.identical == [("a", "b"), ("a", "c")]


def test_overlapping_segments_stay_in_one_part() -> None:
    utterances = [
        Utterance(f"{file}{n}", Path(f"{file}.wav"), "ab"[number % 2], None, "made", segment=Segment(n, n + 3))
        for number, file in enumerate("pqrstuvwxyz")
        for n in range(4)
    ]
    shared = shared_content(utterances, distinct(utterances), {u.id: u.path.stem for u in utterances})
    for name in ("random", "kfold"):
        for split in protocol(name, fold="all", **({"k": 3} if name == "kfold" else {})).folds(utterances, shared):
            files = [{u.path for u in getattr(split, part)} for part in PARTS]
            assert not files[0] & files[1] and not files[0] & files[2] and not files[1] & files[2]


def test_a_validation_of_one_emotion_ends_the_command_before_any_audio_is_read(
    command: Command, speech: Path, tmp_path: Path
) -> None:
    rows = ["path,emotion,speaker,split"]
    for actor, part in (("01", "train"), ("02", "val"), ("03", "test")):
        for clip in sorted((speech / f"Actor_{actor}").glob("03-01-0[35]-*.wav")):
            if part != "val" or clip.stem[7] == "3":
                rows.append(f"{clip},{clip.stem[7]},{actor},{part}")
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    quick = ["epochs=1", "model=probe", "feature=mfcc", "augment=none", "hydra.run.dir=run"]
    outcome = command("corpus=table", "corpus.path=t.csv", "split=given", *quick)
    assert outcome.code == 1 and "validation is 8 clips, all of 3" in outcome.output
    assert "Reading audio" not in outcome.output
    outcome = command("corpus=table", "corpus.path=t.csv", "split=random", "hydra.run.dir=other", *quick[:-1])
    assert outcome.code == 0 and "brings a split of its own (train 16, val 8, test 16)" in outcome.output
