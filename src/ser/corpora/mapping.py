"""Labels mapped: several emotions made one, others and rare ones left out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from ser.config.checks import check_range
from ser.corpora.base import Utterance
from ser.corpora.keys import emotion_name, key
from ser.corpora.labels import known_emotion, label_order, translated
from ser.corpora.votes import Votes, majority, renamed
from ser.errors import ConfigError

if TYPE_CHECKING:
    from ser.config.schema import Labels  # with Hydra, which those who read results do without

AS_THEY_ARE = "as_they_are"


@dataclass(frozen=True)
class LabelMap:
    """What became of a corpus's labels.

    Attributes:
        name: the choice, as in labels=<name>.
        map: each label of the corpus, and what it became; None: its clips were left out.
        dropped: how many clips were left out, by label.
    """

    name: str
    map: dict[str, str | None]
    dropped: dict[str, int]

    @property
    def title(self) -> str:
        """The choice in a word or two."""
        return "labels mapped" if self.name == AS_THEY_ARE else f"labels={self.name}"

    @property
    def rule(self) -> str:
        """What was changed, in a line.

        >>> LabelMap("big4", {"sad": "sad", "happy": "happy", "excited": "happy", "calm": None}, {"calm": 9}).rule
        'labels=big4: happy + excited -> happy; without calm'
        """
        classes = label_order(filter(None, self.map.values()))
        merged = {one: label_order(label for label, meant in self.map.items() if meant == one) for one in classes}
        told = [f"{' + '.join(labels)} -> {one}" for one, labels in merged.items() if labels != [one]]
        if self.dropped:
            told.append(f"without {', '.join(self.dropped)}")
        return f"{self.title}: {'; '.join(told)}"

    @property
    def said(self) -> str:
        """The rule, and how many clips were left out by it."""
        n_clips = sum(self.dropped.values())
        return f"{self.rule} ({n_clips} clip{'s' * (n_clips != 1)} left out)" if n_clips else self.rule


def map_labels(utterances: Sequence[Utterance], settings: "Labels") -> tuple[list[Utterance], LabelMap | None]:
    """The utterances with their labels mapped, without those that are left out; None: nothing was changed.

    A label is found in the map by its own word, or else by the English one that it is known to mean: `labels=big4`
    holds for a corpus that writes anger or 怒り too. What it becomes is called as the corpus calls it: happiness for
    happy.

    Args:
        utterances: of a corpus, each label in one spelling.

    Raises:
        ConfigError: a setting cannot be used, or fewer than two classes are left.
    """
    check_range("labels.min_clips", settings.min_clips, 0, 1_000_000)
    counts = Counter(utterance.emotion for utterance in utterances)
    counts.update({word: 0 for utterance in utterances for word in utterance.votes or ()})  # of raters alone
    became = _classes(counts, settings)
    sizes: Counter[str] = Counter()
    for label, meant in became.items():
        sizes[meant or ""] += counts[label]
    became = {label: meant if meant and sizes[meant] >= settings.min_clips else None for label, meant in became.items()}
    if all(label == meant for label, meant in became.items()):
        return list(utterances), None
    dropped = {label: counts[label] for label, meant in became.items() if meant is None}
    told = LabelMap(settings.name, became, dropped)
    if len({became[label] for label, n in counts.items() if n} - {None}) < 2:
        mistyped = "".join(f"; {remark}" for remark in unmatched(utterances, settings))
        raise ConfigError(
            f"{told.said}: two classes at least must be left; choose another labels=<name>, or change labels.map,"
            f" labels.only or labels.min_clips{mistyped}"
        )
    mapped = [(utterance, became[utterance.emotion]) for utterance in utterances]
    return [
        replace(utterance, emotion=meant, votes=renamed(utterance.votes, became.get))
        for utterance, meant in mapped
        if meant is not None
    ], told


def judged(utterances: Sequence[Utterance], settings: "Labels") -> list[Utterance]:
    """The utterances, those without an emotion with the one that most of their raters named; "" where votes are tied.

    What becomes one class counts together: by `labels=big4`, a clip with the votes happy, excited and sad is happy.
    """
    became = _classes((word for utterance in utterances for word in utterance.votes or ()), settings)

    def most(votes: Votes) -> str:
        own = majority(renamed(votes, lambda word: became[word] or word) or {})
        return max((word for word in votes if own == (became[word] or word)), key=votes.__getitem__, default="")

    return [one if one.emotion else replace(one, emotion=most(one.votes or {})) for one in utterances]


def unmatched(utterances: Sequence[Utterance], settings: "Labels") -> list[str]:
    """Words of the settings that fit no label and are no emotions known here, as remarks: they may be mistyped."""
    labels = label_order(word for one in utterances for word in (one.emotion, *(one.votes or ())))
    wanted = _wanted(settings.map)
    named = {"map": wanted, "only": map(emotion_name, settings.only or [])}
    remarks = []
    for setting, words in named.items():
        there = {*map(key, labels), *(wanted.values() if setting == "only" else [])}
        absent = [word for word in words if word not in there and known_emotion(word) is None]
        if absent:
            remarks.append(
                f"labels.{setting}: no clip is labelled {' or '.join(absent)}; the labels are {', '.join(labels)}"
            )
    return remarks


def _classes(labels: Iterable[str], settings: "Labels") -> dict[str, str | None]:
    """What becomes of each label, however many clips it has."""
    wanted = _wanted(settings.map)
    only = None if settings.only is None else [emotion_name(word) for word in settings.only]
    return _in_own_words({label: _meant(label, wanted, only) for label in label_order(labels)})


def _wanted(settings: Any) -> dict[str, str | None]:
    """The map by keys of labels; as text it is YAML, since Hydra reads no other letters than ASCII in a mapping."""
    given = settings
    if isinstance(settings, str):
        with suppress(yaml.YAMLError):
            given = yaml.safe_load(settings)
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"labels.map must be a mapping, such as 'labels.map={{excited: happy, xxx: null}}'; got {given!r}"
        )
    wanted: dict[str, str | None] = {}
    for label, meant in given.items():
        if isinstance(meant, Mapping | list):
            raise ConfigError(f"labels.map.{label} must be a label or null; got {meant!r}")
        wanted[key(str(label)) or str(label)] = None if meant is None else emotion_name(str(meant))
    return wanted


def _in_own_words(became: Mapping[str, str | None]) -> dict[str, str | None]:
    """What labels became, by the word of the corpus where it leaves one unchanged that means the same.

    >>> _in_own_words({"happiness": "happiness", "excited": "happy"})
    {'happiness': 'happiness', 'excited': 'happiness'}
    """
    kept = [label for label, meant in became.items() if label == meant]
    own = {emotion: label for label, emotion in translated(kept).items()}  # not of several words for one
    return {
        label: meant if meant is None or meant in kept else own.get(known_emotion(meant) or meant, meant)
        for label, meant in became.items()
    }


def _meant(label: str, wanted: Mapping[str, str | None], only: Sequence[str] | None) -> str | None:
    known = known_emotion(label)
    meant = known if only and label not in only else label
    for word in (known, key(label)):  # the own word counts more
        meant = wanted.get(word, meant) if word else meant
    return meant if only is None or meant in only else None
