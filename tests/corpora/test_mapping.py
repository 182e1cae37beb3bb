"""Labels mapped."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ser.corpora.base import Utterance
from ser.corpora.labels import EMOTIONS
from ser.corpora.mapping import LabelMap, map_labels, unmatched
from ser.errors import ConfigError, SettingError
from tests.components import names
from tests.conftest import configured


def clips(**counts: int) -> list[Utterance]:
    return [
        Utterance(f"{label}{number}", Path(), label, "x", "made") for label, n in counts.items() for number in range(n)
    ]


def mapped(utterances: list[Utterance], *overrides: str) -> tuple[dict[str, int], LabelMap | None]:
    """Clips by class, and what became of the labels."""
    kept, label_map = map_labels(utterances, configured(*overrides).labels)
    return dict(Counter(utterance.emotion for utterance in kept)), label_map


def test_what_changes_nothing_is_no_map() -> None:
    assert mapped(clips(sad=2, excited=1), "labels=as_they_are") == ({"sad": 2, "excited": 1}, None)
    assert mapped(clips(sad=2, happy=1), "labels=big4") == ({"sad": 2, "happy": 1}, None)


def test_a_map_of_one_s_own_over_a_shipped_one() -> None:
    own = ["labels=big4", "labels.map={calm: neutral, XXX: null, sad: null}"]
    counts, label_map = mapped(clips(calm=1, neutral=2, excited=3, happy=4, sad=5, xxx=6, bored=7), *own)
    assert counts == {"neutral": 3, "happy": 7}
    assert label_map == LabelMap(
        "big4",
        {
            **{"neutral": "neutral", "calm": "neutral", "happy": "happy", "sad": None, "bored": None},
            **{"excited": "happy", "xxx": None},
        },
        {"sad": 5, "bored": 7, "xxx": 6},
    )
    assert label_map.said == (
        "labels=big4: neutral + calm -> neutral; happy + excited -> happy; without sad, bored, xxx (18 clips left out)"
    )


def test_shipped_maps_hold_for_the_words_of_any_corpus() -> None:
    said = clips(anger=1, 喜び=2, neu=3, Trauer=4, 退屈=5)
    assert mapped(said, "labels=big4")[0] == {"angry": 1, "happy": 2, "neutral": 3, "sad": 4}
    assert mapped(said, "labels=arousal2")[0] == {"high": 3, "low": 12}


def test_what_a_label_becomes_is_called_as_the_corpus_calls_it() -> None:
    said = clips(happiness=1, excited=2, sad=3)
    assert mapped(said, "labels.map={excited: happy}")[0] == {"happiness": 3, "sad": 3}
    assert mapped(said, "labels.map={excited: happy, happiness: happy}")[0] == {"happy": 3, "sad": 3}
    assert mapped([*said, *clips(joy=4)], "labels.map={excited: happy}")[0] == {
        **{"happiness": 1, "happy": 2, "sad": 3, "joy": 4}  # of two words it is neither
    }
    assert mapped(clips(**{"0": 1, "1": 2}), "labels.map={0: angry}")[0] == {"angry": 1, "1": 2}


def test_letters_of_any_script_stand_in_a_map() -> None:
    own = "labels.map='{うれしい: 喜び, 喜び: 喜び}'"
    assert mapped(clips(うれしい=1, 喜び=1, 怒り=1), own)[0] == {"喜び": 2, "怒り": 1}


@pytest.mark.parametrize("name", [name for name in names("labels") if name != "as_they_are"])
def test_a_shipped_map_keeps_what_it_names(name: str) -> None:
    labels = configured(f"labels={name}").labels
    assert labels.name == name
    counts, _ = mapped(clips(**dict.fromkeys(EMOTIONS, 1)), f"labels={name}")
    assert set(counts) == set(labels.only or ())


def test_rare_classes_are_left_out_after_the_map() -> None:
    few = clips(happy=3, excited=2, sad=5, bored=4)
    counts, label_map = mapped(few, "labels.map={excited: happy}", "labels.min_clips=5")
    assert counts == {"happy": 5, "sad": 5}
    assert label_map and label_map.dropped == {"bored": 4}


def test_what_leaves_one_class_is_refused_with_what_may_be_mistyped() -> None:
    said = r"without sad \(2 clips left out\): two classes .*; labels\.only: no clip is labelled hapy; the labels are h"
    with pytest.raises(ConfigError, match=said):
        mapped(clips(sad=2, happy=1), "labels.only=[hapy,happy]")


def test_what_fits_to_no_label_is_said_unless_it_is_an_emotion() -> None:
    labels = configured("labels=valence3", "labels.map={exited: happy}").labels
    said = "labels.map: no clip is labelled exited; the labels are happy, sad"
    assert unmatched(clips(sad=2, happy=1), labels) == [said]


@pytest.mark.parametrize(
    ("name", "value"), [("map", ["a"]), ("map", "{sad: happy"), ("map", {"sad": ["a"]}), ("min_clips", -1)]
)
def test_settings_that_cannot_be_used_are_refused(name: str, value: Any) -> None:
    labels = configured().labels
    setattr(labels, name, value)
    with pytest.raises((ConfigError, SettingError), match=rf"^labels\.{name}"):
        map_labels(clips(sad=1, happy=1), labels)
