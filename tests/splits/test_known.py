from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ser.config.schema import Normalize
from ser.corpora.base import Utterance
from ser.errors import ConfigError, SerError
from ser.splits.audit import audit
from ser.splits.base import Split
from ser.splits.known import is_by_speaker, known_clips

BY_TRAINING = Normalize(by="training", clips=None, emotion=None, prior=0.0)
BY_SPEAKER = Normalize(by="speaker", clips=None, emotion=None, prior=5.0)
EMOTIONS = ("neutral", "sad", "angry")


def corpus(speakers: Sequence[str | None] = ("a", "b", "c"), n_each: int = 4) -> list[Utterance]:
    """So many clips of each emotion from each speaker."""
    return [
        Utterance(f"{who}/{emotion}-{n}", Path(f"{n}.wav"), emotion, who, "made")
        for who in speakers
        for emotion in EMOTIONS
        for n in range(n_each)
    ]


def known(utterances: Sequence[Utterance] | None = None, seed: int = 0, **settings: Any) -> list[str]:
    """Ids, in the order in which they are drawn."""
    drawn = known_clips(replace(BY_SPEAKER, **settings), corpus() if utterances is None else utterances, seed)
    return [utterance.id for utterance in drawn]


def speakers_of(ids: Sequence[str]) -> Counter[str]:
    return Counter(name.partition("/")[0] for name in ids)


def test_all_are_known_unless_fewer_are_asked_for() -> None:
    assert sorted(known()) == sorted(utterance.id for utterance in corpus())
    assert known(clips=0) == []
    for n in (1, 5, 12):
        assert speakers_of(known(clips=n)) == {"a": n, "b": n, "c": n}
    assert speakers_of(known(clips=100)) == {"a": 12, "b": 12, "c": 12}


def test_more_clips_are_the_same_ones_and_some_more() -> None:
    fewer: set[str] = set()
    for n in range(13):
        more = set(known(clips=n))
        assert fewer <= more
        fewer = more


def test_the_seed_and_the_ids_alone_decide() -> None:
    drawn = known(clips=4)
    assert set(known(list(reversed(corpus())), clips=4)) == set(drawn)
    others = [replace(utterance, path=Path("x"), corpus="other") for utterance in corpus()]
    assert known(others, clips=4) == drawn
    assert set(known(corpus(("b",)), clips=4)) == {name for name in drawn if name.startswith("b")}, "no other speakers"
    assert len({frozenset(known(clips=4, seed=seed)) for seed in range(10)}) == 10
    emotions = Counter(name.split("/")[1].split("-")[0] for seed in range(100) for name in known(clips=1, seed=seed))
    assert min(emotions[emotion] for emotion in EMOTIONS) > 60, "of 300; each as likely as another"


def test_only_clips_of_an_emotion_may_be_known() -> None:
    assert sorted(known(emotion="neutral")) == [f"{who}/neutral-{n}" for who in "abc" for n in range(4)]
    assert speakers_of(known(emotion="neutral", clips=3)) == {"a": 3, "b": 3, "c": 3}
    assert set(known(emotion="neutral", clips=3)) < set(known(emotion="neutral"))


def test_whether_it_is_by_speaker() -> None:
    assert is_by_speaker(BY_SPEAKER, corpus()) and not is_by_speaker(BY_TRAINING, corpus())


@pytest.mark.parametrize("settings", [{"clips": 5}, {"emotion": "neutral"}, {"prior": 2.0}])
def test_what_is_known_of_speakers_says_nothing_of_the_training_part(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"normalize\.{next(iter(settings))}: .*set normalize=speaker with it"):
        is_by_speaker(replace(BY_TRAINING, **settings), corpus())


def test_by_the_training_part_nobody_need_say_who_speaks() -> None:
    assert not is_by_speaker(BY_TRAINING, corpus(("a", None)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"by": "clip"}, "normalize.by must be one of training, speaker; got 'clip'"),
        ({"prior": -1.0}, "normalize.prior must lie between 0 and 1000000; got -1.0"),
        ({"clips": -1}, "normalize.clips must lie between 0 and 1000000; got -1"),
        ({"emotion": "happy"}, "normalize.emotion must be one of neutral, sad, angry; got 'happy'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SerError) as refused:
        is_by_speaker(replace(BY_SPEAKER, **settings), corpus())
    assert str(refused.value) == message


def test_clips_that_do_not_say_who_speaks_are_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        is_by_speaker(BY_SPEAKER, corpus(("a", "b", None)))
    assert str(refused.value) == (
        "normalize=speaker: 12 of 36 clips do not say who speaks; name the speakers (corpus=table with a column"
        " speaker), or set normalize=training"
    )


def test_the_audit_counts_the_test_clips_that_were_heard_beforehand() -> None:
    train, val, test = (corpus((who,)) for who in "abc")
    split = Split("made", 1, 1, True, train, val, test)
    digests = {utterance.id: utterance.id for utterance in corpus()}
    for n in (0, 2, 12):
        heard = known_clips(replace(BY_SPEAKER, clips=n), val + test, 0)
        assert audit(split, digests, heard).n_known == n
    assert audit(split, digests).n_known == 0
