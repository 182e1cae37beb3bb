from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser.corpora.base import Utterance
from ser.corpora.ravdess import ACTORS
from ser.errors import ConfigError, SplitError
from ser.splits.account import account
from ser.splits.audit import audit
from ser.splits.base import PARTS, Protocol, Split
from tests import components

NAMES = components.names("split")
PUBLISHED = {
    "emobox": ["1 11 20 21", "4 10 12 14", "8 9 19 23", "3 5 7 24", "2 15 16 18", "6 13 17 22"],
    "luna": ["2 5 14 15 16", "3 6 7 13 18", "10 11 12 19 20", "8 17 21 23 24", "1 4 9 22"],
}
BY_SPEAKER = {"speaker", "loso", "speakers", *PUBLISHED}
ASKED: dict[str, dict[str, Any]] = {"speakers": {"test": [1, 11, 20, 21]}, "held_out": {"by": "sentence"}}
Digests = dict[str, str]


def protocol(name: str, **settings: Any) -> Protocol:
    """The shipped protocol with some settings changed, and with those without which it is none."""
    made: Protocol = components.make(f"split/{name}", **{**ASKED.get(name, {}), **settings})
    return made


def utterance(name: str, emotion: str, speaker: str | None, **attributes: str) -> Utterance:
    return Utterance(name, Path(f"/nowhere/{name}.wav"), emotion, speaker, "made", attributes)


def corpus(speakers: Sequence[str] = ACTORS, emotions: str = "abc", n_clips: int = 3) -> list[Utterance]:
    """`n_clips` of every emotion by every speaker; the last of each is given to test."""
    return [
        utterance(
            f"{who}/{emotion}{clip}",
            emotion,
            who,
            gender="mf"[number % 2],
            split="test" if clip == n_clips - 1 else "train",
            sentence=str((number + clip) % 12),
        )
        for number, who in enumerate(speakers)
        for emotion in emotions
        for clip in range(n_clips)
    ]


def distinct(utterances: Sequence[Utterance]) -> Digests:
    return {u.id: f"digest of {u.id}" for u in utterances}


def ids(utterances: Sequence[Utterance]) -> list[str]:
    return [u.id for u in utterances]


def check(split: Split, utterances: Sequence[Utterance], digests: Digests) -> None:
    """What holds for every split of every protocol."""
    parts = {part: getattr(split, part) for part in PARTS}
    assert all(parts.values()), {part: len(members) for part, members in parts.items()}
    assert sorted(ids([*split.train, *split.val, *split.test])) == sorted(ids(utterances))
    assert {u.emotion for u in split.train} == {u.emotion for u in utterances}
    keys = [{u.speaker if split.by_speaker else digests[u.id] for u in members} for members in parts.values()]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_fold_is_complete_and_disjoint_and_every_clip_is_tested_once(name: str) -> None:
    utterances = corpus()
    digests = distinct(utterances)
    folds = protocol(name, fold="all").folds(utterances, digests)
    assert [split.fold for split in folds] == list(range(1, len(folds) + 1))
    for split in folds:
        check(split, utterances, digests)
        assert (split.name, split.n_folds, split.by_speaker) == (name, len(folds), name in BY_SPEAKER)
        assert audit(split, digests).speaker_independent == (name in BY_SPEAKER)
        assert audit(split, digests).identical == []
    tested = [identity for split in folds for identity in ids(split.test)]
    assert len(tested) == len(set(tested))
    if len(folds) > 1:
        assert sorted(tested) == sorted(ids(utterances))


@pytest.mark.parametrize("name", NAMES)
def test_one_fold_is_the_same_as_among_all(name: str) -> None:
    utterances = corpus()
    together = protocol(name, fold="all").folds(utterances, distinct(utterances))
    for number in {1, len(together)}:
        [alone] = protocol(name, fold=number).folds(utterances, distinct(utterances))
        assert (alone.hash, alone.rows()) == (together[number - 1].hash, together[number - 1].rows())


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_alone_decides(name: str) -> None:
    utterances = corpus()
    hashes = [protocol(name, seed=seed).folds(utterances, distinct(utterances))[0].hash for seed in (0, 0, 1, 2)]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


@pytest.mark.parametrize("name", ["kfold", "random"])
def test_seeds_give_other_tests(name: str) -> None:
    utterances = corpus()
    splits = [protocol(name, seed=seed).folds(utterances, distinct(utterances))[0] for seed in (0, 1)]
    assert ids(splits[0].test) != ids(splits[1].test)


def test_the_hash_tells_which_clips_are_in_which_part() -> None:
    utterances = corpus(ACTORS[:4])
    train, val, test = utterances[:20], utterances[20:30], utterances[30:]
    split = Split("x", 1, 1, False, train, val, test)
    assert replace(split, train=train[::-1], name="y", fold=2).hash == split.hash
    assert replace(split, train=val, val=train).hash != split.hash
    assert replace(split, train=[*train[1:], val[0]], val=[*val[1:], train[0]]).hash != split.hash
    assert split.rows() == sorted(split.rows(), key=lambda row: row[0].id)


@pytest.mark.parametrize("name", ["random", "kfold"])
@pytest.mark.parametrize("sizes", [{"a": 96, "b": 192, "c": 192}, {"a": 11, "b": 23, "c": 37, "d": 100}])
def test_parts_are_stratified(name: str, sizes: dict[str, int]) -> None:
    utterances = [utterance(f"{e}{i:03}", e, None) for e, size in sizes.items() for i in range(size)]
    for split in protocol(name, fold="all").folds(utterances, distinct(utterances)):
        for part, whole in ((split.test, utterances), (split.val, [*split.train, *split.val])):
            inside, outside = (Counter(u.emotion for u in clips) for clips in (part, whole))
            for emotion, count in outside.items():
                assert abs(inside[emotion] - count * len(part) / len(whole)) <= 1, emotion


@pytest.mark.parametrize("name", ["random", "kfold", "speaker"])
def test_sizes_of_the_parts(name: str) -> None:
    utterances = corpus([f"s{i:02}" for i in range(25)], n_clips=4)
    for split in protocol(name, fold="all").folds(utterances, distinct(utterances)):
        assert (len(split.test), len(split.val)) == (60, 24)


@pytest.mark.parametrize(("val_fraction", "n_speakers"), [(0.1, 2), (0.3, 6), (0.4, 8), (0.5, 10)])
def test_val_fraction_by_speaker(val_fraction: float, n_speakers: int) -> None:
    """Of the 20 speakers that four folds of five leave."""
    utterances = corpus([f"s{i:02}" for i in range(25)])
    [split] = protocol("speaker", val_fraction=val_fraction).folds(utterances, distinct(utterances))
    assert len({u.speaker for u in split.val}) == pytest.approx(n_speakers, abs=1)


def test_speaker_folds_are_balanced_by_emotion_and_gender() -> None:
    utterances = corpus(n_clips=4)
    for split in protocol("speaker", fold="all", k=6).folds(utterances, distinct(utterances)):
        assert len({u.speaker for u in split.test}) == 4
        assert Counter(u.attributes["gender"] for u in split.test) == {"m": 24, "f": 24}


def with_copies(utterances: list[Utterance], digests: Digests) -> tuple[list[Utterance], Digests]:
    """Every third clip is there again: under another name, said to be by somebody else."""
    copies = [replace(u, id=f"copy-{u.id}", speaker=f"not {u.speaker}") for u in utterances[::3]]
    return [*utterances, *copies], {**digests, **{f"copy-{u.id}": digests[u.id] for u in utterances[::3]}}


@pytest.mark.parametrize("name", ["random", "kfold"])
@pytest.mark.parametrize("seed", range(3))
def test_identical_recordings_stay_in_one_part(name: str, seed: int) -> None:
    utterances = corpus()
    utterances, digests = with_copies(utterances, distinct(utterances))
    folds = protocol(name, fold="all", seed=seed).folds(utterances, digests)
    for split in folds:
        check(split, utterances, digests)
        assert audit(split, digests).identical == []
    if name == "kfold":
        assert sorted(identity for split in folds for identity in ids(split.test)) == sorted(ids(utterances))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_folds(name: str) -> None:
    utterances = corpus()
    folds = protocol(name, fold="all").folds(utterances, distinct(utterances))
    for split, actors in zip(folds, PUBLISHED[name], strict=True):
        assert {u.speaker for u in split.test} == {f"{int(actor):02d}" for actor in actors.split()}


def test_loso_has_a_fold_for_each_speaker_in_order() -> None:
    utterances = corpus(ACTORS[:5][::-1])
    folds = protocol("loso", fold="all").folds(utterances, distinct(utterances))
    assert [{u.speaker for u in split.test} for split in folds] == [{who} for who in ACTORS[:5]]


@pytest.mark.parametrize("name", ["random", "kfold"])
@pytest.mark.parametrize("counts", [(20, 6), (12, 3), (57, 3), (95, 5)])
def test_validation_has_every_emotion_where_that_can_be(name: str, counts: tuple[int, int]) -> None:
    utterances = [utterance(f"{e}{n}", e, None) for e, count in zip("ab", counts, strict=True) for n in range(count)]
    settings = {"k": 3} if name == "kfold" else {}
    for split in protocol(name, fold="all", **settings).folds(utterances, distinct(utterances)):
        check(split, utterances, distinct(utterances))
        assert {u.emotion for u in split.val} == {u.emotion for u in split.test} == {"a", "b"}


def test_audit_finds_shared_speakers() -> None:
    clips = [utterance(str(i), "a", who) for i, who in enumerate(["x", "y", "z", "y", "x"])]
    found = audit(Split("made", 1, 1, True, clips[:2], clips[2:3], clips[3:]), distinct(clips))
    assert (found.shared_speakers, found.speaker_independent) == (["x", "y"], False)
    found = audit(Split("made", 1, 1, False, clips[1:2], clips[2:3], clips[:1]), distinct(clips))
    assert (found.shared_speakers, found.speaker_independent) == ([], True)


def test_audit_counts_validation_as_seen() -> None:
    clips = [utterance(str(i), "a", who) for i, who in enumerate("xyy")]
    split = Split("made", 1, 1, True, clips[:1], clips[1:2], clips[2:])
    assert audit(split, distinct(clips)).shared_speakers == ["y"]
    assert audit(split, {"0": "p", "1": "q", "2": "q"}).identical == [("1", "2")]


def test_audit_finds_identical_recordings() -> None:
    clips = [utterance(name, "a", name) for name in "abcde"]
    split = Split("made", 1, 1, True, clips[:2], clips[2:3], clips[3:])
    digests = {"a": "1", "b": "2", "c": "1", "d": "1", "e": "3"}
    assert audit(split, digests).identical == [("a", "d"), ("c", "d")]


@pytest.mark.parametrize("side", ["train", "val", "test"])
def test_audit_promises_nothing_about_unknown_speakers(side: str) -> None:
    parts = {part: [utterance(part, "a", None if part == side else part)] for part in PARTS}
    found = audit(Split("made", 1, 1, True, **parts), {part: part for part in PARTS})
    assert (found.n_unknown, found.speaker_independent) == (1, None)


def test_a_speaker_known_to_be_shared_is_told_beside_unknown_ones() -> None:
    parts = {part: [utterance(part, "a", "x"), utterance(f"{part} 2", "a", None)] for part in PARTS}
    found = audit(Split("made", 1, 1, True, **parts), {u.id: u.id for part in parts.values() for u in part})
    assert (found.shared_speakers, found.n_unknown, found.speaker_independent) == (["x"], 3, False)


@pytest.mark.parametrize("name", ["random", "kfold"])
def test_a_class_with_one_clip_is_refused_by_name(name: str) -> None:
    utterances = [*corpus(), utterance("odd", "bored", "01")]
    with pytest.raises(SplitError, match=rf"split={name}.*bored has 1"):
        protocol(name).folds(utterances, distinct(utterances))


@pytest.mark.parametrize("name", ["random", "kfold"])
def test_copies_do_not_make_a_class_larger(name: str) -> None:
    utterances = [*corpus(), *(utterance(f"odd{i}", "bored", "01") for i in range(9))]
    digests = distinct(utterances) | {f"odd{i}": "the same" for i in range(9)}
    with pytest.raises(SplitError, match="bored has 1"):
        protocol(name).folds(utterances, digests)


@pytest.mark.parametrize("name", sorted(BY_SPEAKER))
@pytest.mark.parametrize("fold", [1, "all"])
def test_a_class_that_only_one_speaker_has_is_refused_by_name(name: str, fold: int | str) -> None:
    """It is tested but never trained in that speaker's fold, or never tested fairly."""
    utterances = [*corpus(), utterance("01/odd", "bored", "01")]
    try:
        folds = protocol(name, fold=fold).folds(utterances, distinct(utterances))
    except SplitError as error:
        assert "bored" in str(error)
    else:
        assert fold == 1
        check(folds[0], utterances, distinct(utterances))


@pytest.mark.parametrize("name", sorted(BY_SPEAKER))
@pytest.mark.parametrize("nameless", [1, 1000])
def test_unknown_speakers_are_refused(name: str, nameless: int) -> None:
    utterances = [replace(u, speaker=None) if i < nameless else u for i, u in enumerate(corpus())]
    with pytest.raises(SplitError, match=rf"split={name} .*{min(nameless, len(utterances))} of {len(utterances)}"):
        protocol(name).folds(utterances, distinct(utterances))


def test_more_folds_than_speakers_are_refused() -> None:
    utterances = corpus(ACTORS[:4])
    with pytest.raises(SplitError, match=r"split\.k=5.*speakers \(4\).*4 at most"):
        protocol("speaker").folds(utterances, distinct(utterances))
    for split in protocol("speaker", k=4, fold="all").folds(utterances, distinct(utterances)):
        check(split, utterances, distinct(utterances))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fold", ["x", 0, -1, 25, True, "1 ", ""])
def test_there_is_no_such_fold(name: str, fold: Any) -> None:
    utterances = corpus()
    with pytest.raises(ConfigError, match=r"split\.fold"):
        protocol(name, fold=fold).folds(utterances, distinct(utterances))


@pytest.mark.parametrize(("name", "n_speakers"), [("speaker", 1), ("speaker", 2), ("loso", 1), ("loso", 2)])
def test_too_few_speakers_are_refused(name: str, n_speakers: int) -> None:
    utterances = corpus(ACTORS[:n_speakers])
    settings = {"k": 2} if name == "speaker" else {}
    with pytest.raises(SplitError, match="speaker"):
        protocol(name, **settings).folds(utterances, distinct(utterances))


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("speakers", [ACTORS[:23], [*ACTORS, "25"], ["anna", "bert"], ACTORS[:1]])
def test_published_folds_are_for_their_speakers(name: str, speakers: Sequence[str]) -> None:
    utterances = corpus(speakers)
    with pytest.raises(SplitError, match=rf"split={name}.*split=speaker"):
        protocol(name).folds(utterances, distinct(utterances))


def random_corpus(random: np.random.Generator) -> tuple[list[Utterance], Digests]:
    """Few or many clips, uneven in speakers and emotions; some nameless, some copied under another label."""
    n, n_speakers, n_emotions = (int(random.integers(1, high)) for high in (60, 9, 6))
    speakers = random.choice(n_speakers, n, p=random.dirichlet(np.full(n_speakers, random.choice([0.3, 5]))))
    emotions = random.choice(n_emotions, n, p=random.dirichlet(np.full(n_emotions, random.choice([0.5, 20]))))
    nameless = random.random() < 0.1
    gendered = random.random() < 0.5
    utterances = [
        utterance(
            f"u{i:02}",
            "abcdef"[emotion],
            None if nameless and i % 7 == 0 else f"s{speaker}",
            **({"gender": "fm"[speaker % 2]} if gendered else {}),
        )
        for i, (speaker, emotion) in enumerate(zip(speakers, emotions, strict=True))
    ]
    copied = random.random(n) < random.choice([0, 0, 0.3])
    digests = {u.id: f"d{random.integers(n)}" if copy else u.id for u, copy in zip(utterances, copied, strict=True)}
    return utterances, digests


def given(parts: str, speakers: str, emotions: str = "ab") -> list[Utterance]:
    """A clip of every emotion for each of `parts` (r train, v val, t test), spoken by the one of `speakers` there."""
    spelt = {"r": "train", "v": "val", "t": "test"}
    return [
        utterance(f"{i}{emotion}", emotion, None if who == "?" else who, split=spelt[part])
        for i, (part, who) in enumerate(zip(parts, speakers, strict=True))
        for emotion in emotions
    ]


def speakers_of(utterances: Sequence[Utterance]) -> set[str | None]:
    return {u.speaker for u in utterances}


def test_given_parts_are_kept() -> None:
    utterances = given("rrvt", "xyxz")
    [split] = protocol("given", fold="all").folds(utterances, distinct(utterances))
    check(split, utterances, distinct(utterances))
    assert (ids(split.train), ids(split.val), ids(split.test)) == (["0a", "0b", "1a", "1b"], ["2a", "2b"], ["3a", "3b"])
    assert audit(split, distinct(utterances)).speaker_independent
    [split] = protocol("given").folds(given("rrvt", "xyxy"), distinct(utterances))
    assert audit(split, distinct(utterances)).shared_speakers == ["y"]


SPELLINGS = {"train": "Train training", "val": "VAL valid Validation dev", "test": "test TESTING"}


def test_given_parts_have_many_spellings() -> None:
    utterances = [
        utterance(f"{part} {spelt} {emotion}", emotion, None, split=f" {spelt} ")
        for part, spellings in SPELLINGS.items()
        for spelt in spellings.split()
        for emotion in "ab"
    ]
    [split] = protocol("given").folds(utterances, distinct(utterances))
    assert all(identity.startswith(part) for part in PARTS for identity in ids(getattr(split, part)))


def test_validation_missing_in_given_parts_is_cut_by_speaker_where_test_is() -> None:
    utterances = given("rrrrrrtt", "uvwxyyzz")
    [split] = protocol("given").folds(utterances, distinct(utterances))
    check(split, utterances, distinct(utterances))
    assert len(speakers_of(split.val)) == 1 and not speakers_of(split.val) & speakers_of(split.train)


@pytest.mark.parametrize("speakers", ["uvwxyyyz", "?vwxyyzz", "uuuuuuzz"], ids=["shared", "unknown", "only one"])
def test_validation_missing_in_given_parts_is_stratified_elsewhere(speakers: str) -> None:
    utterances = given("rrrrrrtt", speakers)
    [split] = protocol("given", val_fraction=0.5).folds(utterances, distinct(utterances))
    check(split, utterances, distinct(utterances))
    assert Counter(u.emotion for u in split.val) == {"a": 3, "b": 3}


def test_folds_of_the_corpus_itself_are_taken_and_what_they_leave_out_is_left_out() -> None:
    utterances = given("rrrr", "wxyz")  # the column does not count then
    given_folds = [
        dict.fromkeys(("0a", "0b"), "train") | {"1a": "val", "1b": "val"} | dict.fromkeys(("2a", "2b", "gone"), "test"),
        dict.fromkeys(("2a", "2b", "3a", "3b"), "train") | {"0a": "test", "0b": "test"},
    ]
    taking = protocol("given", fold="all", val_fraction=0.5)
    taking.own_folds = given_folds
    first, second = taking.folds(utterances, distinct(utterances))
    assert (ids(first.train), ids(first.val), ids(first.test)) == (["0a", "0b"], ["1a", "1b"], ["2a", "2b"])
    assert (first.fold, second.fold, second.n_folds) == (1, 2, 2)
    assert ids(second.test) == ["0a", "0b"] and {*ids(second.train), *ids(second.val)} == {"2a", "2b", "3a", "3b"}
    assert not speakers_of(second.val) & speakers_of(second.train)  # cut by speaker, for test is
    taking.fold = 3
    with pytest.raises(ConfigError, match=r"split\.fold must be 1 to 2, or all; got 3"):
        taking.folds(utterances, distinct(utterances))
    taking.own_folds = [*given_folds, {"0a": "train", "gone": "test"}]
    with pytest.raises(
        SplitError, match=r"split=given: no clip of the test part of fold 3 is there; add the recordings"
    ):
        taking.folds(utterances, distinct(utterances))
    taking.own_folds = [{"0a": "test", "0b": "test"}]
    with pytest.raises(SplitError, match=r"split=given: no clip of the train part of fold 1 is there"):
        taking.folds(utterances, distinct(utterances))


def test_given_parts_that_cannot_be_used() -> None:
    nothing = [utterance("a", "a", None), utterance("b", "b", None)]
    with pytest.raises(SplitError, match=r"split=given: this corpus does not say.*corpus=table with a column split"):
        protocol("given").folds(nothing, distinct(nothing))
    several = [*given("rt", "xy"), replace(nothing[0], corpus="other")]
    with pytest.raises(
        SplitError, match=r"several corpora must have.*the column split \(not in other\); use split=held_"
    ):
        protocol("given").folds(several, distinct(several))
    some = [*given("rt", "xy"), utterance("odd", "a", "x", split="eval"), utterance("bare", "a", "x")]
    with pytest.raises(SplitError, match=r"2 of 6 clips have no part; the first is odd with 'eval'"):
        protocol("given").folds(some, distinct(some))
    for parts, missing in (("tt", "train"), ("rv", "test"), ("vv", "train or test")):
        with pytest.raises(SplitError, match=f"gives no clip to {missing}$"):
            protocol("given").folds(given(parts, "xy"), distinct(given(parts, "xy")))
    untrained = [*given("rrt", "xyz"), utterance("odd", "c", "z", split="test")]
    with pytest.raises(SplitError, match=r"no clip of c is left for training;.* out: 'labels.map=\{c: null\}'$"):
        protocol("given").folds(untrained, distinct(untrained))


@pytest.mark.parametrize("name", ["random", "kfold", "speaker", "loso"])
@pytest.mark.parametrize("seed", range(8))
def test_any_corpus_is_split_rightly_or_refused(name: str, seed: int) -> None:
    random = np.random.default_rng([seed, NAMES.index(name)])
    for _ in range(12):
        utterances, digests = random_corpus(random)
        settings: dict[str, Any] = {"seed": int(random.integers(5)), "val_fraction": float(random.uniform(0.01, 0.5))}
        if name in ("kfold", "speaker"):
            settings["k"] = int(random.integers(2, 7))
        if name == "random":
            settings["test_fraction"] = float(random.uniform(0.01, 0.9))
        made = protocol(name, fold="all", **settings)
        try:
            folds = made.folds(utterances, digests)
        except (SplitError, ConfigError):
            continue
        for split in folds:
            check(split, utterances, digests)
        assert all(not set(ids(one.test)) & set(ids(next_.test)) for one, next_ in pairwise(folds))
        if len(folds) > 1:
            assert sorted(identity for split in folds for identity in ids(split.test)) == sorted(ids(utterances))


def test_speakers_of_uneven_size_leave_no_part_empty() -> None:
    """scikit-learn's StratifiedGroupKFold puts two speakers in one fold here and none in another."""
    n_clips = {"s0": (20, 0), "s1": (1, 1), "s2": (8, 3), "s3": (0, 8)}
    utterances = [
        utterance(f"{who}{emotion}{i}", emotion, who)
        for who, counts in n_clips.items()
        for emotion, count in zip("ab", counts, strict=True)
        for i in range(count)
    ]
    for split in protocol("speaker", fold="all", k=4).folds(utterances, distinct(utterances)):
        check(split, utterances, distinct(utterances))


SPEAKERS = ["ravdess/01", "ravdess/02", "tess/OAF", "tess/YAF", "own/Anna", "own/Bo", "own/S3"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [(1, "ravdess/01"), ("02", "ravdess/02"), ("anna", "own/Anna"), ("own/BO", "own/Bo"), (3.0, "own/S3")],
)
def test_a_speaker_is_named_by_what_can_mean_nobody_else(word: object, meant: str) -> None:
    utterances = corpus(SPEAKERS)
    [split] = protocol("speakers", test=[word]).folds(utterances, distinct(utterances))
    assert {u.speaker for u in split.test} == {meant}


def test_named_speakers_are_on_the_sides_they_are_named_for() -> None:
    utterances = corpus()
    [split] = protocol("speakers", test=[1, "11"], val=[7, "024"]).folds(utterances, distinct(utterances))
    assert {u.speaker for u in split.test} == {"01", "11"} and {u.speaker for u in split.val} == {"07", "24"}
    assert account([split], None) == [
        "split=speakers, fold 1 of 1:",
        f"  training    180 clips of 20 speakers: {', '.join(sorted({str(u.speaker) for u in split.train}))}",
        "  validation  18 clips of 2 speakers: 07, 24",
        "  test        18 clips of 2 speakers: 01, 11",
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"test": []}, r"^split\.test names nobody; set split\.test=\[\.\.\.\] to some of"),
        ({"test": [9]}, r"^split\.test: the speaker 9 is none of other/F2, other/M2, own/Anna"),
        ({"test": ["01", "Anna"], "val": ["own/anna"]}, r"own/Anna cannot be both in split\.test and in split\.val"),
        ({"test": ["tess/1"]}, r"the speaker tess/1 is none of"),
        ({"test": [2]}, r"the speaker 2 may mean other/F2 or other/M2; write which"),
    ],
)
def test_speakers_who_are_not_there_or_not_one_are_refused(settings: dict[str, Any], said: str) -> None:
    utterances = corpus([*SPEAKERS[:1], *SPEAKERS[2:], "other/F2", "other/M2"])
    with pytest.raises(SplitError, match=said):
        protocol("speakers", **settings).folds(utterances, distinct(utterances))


def test_each_value_of_an_attribute_is_held_out_in_turn() -> None:
    utterances = corpus()
    folds = protocol("held_out", by="sentence", fold="all", val_fraction=0.2).folds(utterances, distinct(utterances))
    assert len(folds) == 12
    for split in folds:
        train, val, test = ({u.attributes["sentence"] for u in getattr(split, part)} for part in PARTS)
        assert (len(train), len(val), len(test)) == (9, 2, 1) and not train & val and not test & (train | val)
    assert account(folds, "sentence")[0].startswith(
        "split=held_out, fold 1 of 12: 162 clips for training, 36 for validation; test: sentence 0: 18 clips of 6 speak"
    )
    [split] = protocol("held_out", by="gender").folds(utterances, distinct(utterances))
    assert {u.attributes["gender"] for u in [*split.train, *split.val]} == {"m"}
    assert not speakers_of(split.val) & speakers_of(split.train)  # of a single value some speakers
    one_each = corpus(ACTORS[:2])
    [split] = protocol("held_out", by="gender").folds(one_each, distinct(one_each))
    assert speakers_of(split.val) == speakers_of(split.train)  # or clips, where there is one speaker


def test_an_attribute_that_cannot_be_held_out_is_refused() -> None:
    utterances = corpus()
    for by in (None, "age"):
        with pytest.raises(
            SplitError, match=rf"^split\.by must be an attribute .*: gender, split, sentence; got {by!r}"
        ):
            protocol("held_out", by=by).folds(utterances, distinct(utterances))
    few = [replace(u, attributes={"age": age}) for u, age in zip(utterances, ["9", ""], strict=False)]
    with pytest.raises(SplitError, match="1 of 2 clips do not say their age"):
        protocol("held_out", by="age").folds(few, distinct(few))
    with pytest.raises(SplitError, match="the age of all clips is 9"):
        protocol("held_out", by="age").folds(few[:1], distinct(few))


def test_labels_are_part_of_the_hash_where_they_were_mapped() -> None:
    clips = [utterance(name, emotion, "x") for name, emotion in zip("abc", "123", strict=True)]
    split = Split("x", 1, 1, False, clips[:1], clips[1:2], clips[2:])
    other = replace(split, test=[replace(clips[2], emotion="1")])
    assert other.hash == split.hash != replace(split, is_mapped=True).hash != replace(other, is_mapped=True).hash
