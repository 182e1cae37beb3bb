"""Several corpora as one: speakers kept apart, emotions in the same words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ser.config.build import build
from ser.corpora.base import Corpus, Utterance
from ser.corpora.keys import one_spelling
from ser.corpora.labels import known_emotion, label_order
from ser.corpora.votes import renamed
from ser.errors import SerError, SettingError

CORPUS = "corpus"  # the attribute that names it


class Several(Corpus):
    """Corpora side by side. Ids and speakers begin with the corpus's name and a slash; an attribute names it too.

    Emotions are called by the names of `ser.corpora.labels` where the corpora's words are known: anger, ANG and 怒り
    are one.

    Args:
        parts: settings of two corpora at least (`_target_` and its arguments), by names of one's own.

    Raises:
        SettingError: there are fewer, or a part refuses a setting.
    """

    def __init__(self, *, parts: Mapping[str, Any]) -> None:
        if len(parts) < 2:
            raise SettingError("parts: name two corpora at least, as corpus=[ravdess,demo]")
        self.parts: dict[str, Corpus] = {
            name: build(f"parts.{name}", settings, Corpus) for name, settings in parts.items()
        }
        self._settings = parts
        self.name = "+".join(self.parts)
        notices = [part.notice for part in self.parts.values() if part.notice]
        self.notice = " ".join(notices) or None
        self._own: dict[str, Utterance] = {}
        self._remarks: list[str] = []

    def utterances(self) -> list[Utterance]:
        self._own, self._remarks = {}, []
        for part in self.parts.values():
            part.dimensions = self.dimensions
        together = [one for name, part in self.parts.items() for one in self._of(name, part)]
        return sorted(together, key=lambda utterance: utterance.id)

    def folds(self) -> list[Mapping[str, str]] | None:
        """Those of all corpora, side by side; None where they do not have as many each."""
        own = [(name, part.folds() or []) for name, part in self.parts.items()]
        if len({len(folds) for _, folds in own}) > 1 or not own[0][1]:
            return None
        return [
            {f"{name}/{utterance}": part for name, folds in own for utterance, part in folds[fold].items()}
            for fold in range(len(own[0][1]))
        ]

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        said = list(self._remarks)
        for name, part in self.parts.items():
            own = [self._own[utterance.id] for utterance in utterances if utterance.corpus == name]
            said += [f"{name}: {remark}" for remark in part.remarks(own)]
        return said

    def _of(self, name: str, part: Corpus) -> list[Utterance]:
        """The utterances of a part as they are here."""
        try:
            own = part.utterances()
            named = [word for utterance in own for word in (utterance.emotion, *(utterance.votes or ()))]
            words = {word: known_emotion(word) or word for word in named}
            same, spellings = one_spelling(
                [replace(one, emotion=words[one.emotion], votes=renamed(one.votes, words.get)) for one in own],
                dimensions=self.dimensions,
            )
        except SerError as error:
            raise type(error)(self._placed(name, str(error))) from None
        others = [f"{word} -> {meant}" for word, meant in words.items() if word != meant]
        spellings += [f"emotions in other words: {', '.join(others)}"] if others else []
        self._remarks += [f"{name}: {said}" for said in spellings]
        made = [
            replace(
                one,
                id=f"{name}/{one.id}",
                speaker=None if one.speaker is None else f"{name}/{one.speaker}",
                corpus=name,
                attributes={**one.attributes, CORPUS: name},
            )
            for one in same
        ]
        self._own |= {one.id: before for one, before in zip(made, own, strict=True)}
        return made

    def _placed(self, name: str, said: str) -> str:
        """What a part says, with its settings as they are called here."""
        settings = "|".join(self._settings[name])
        placed = re.sub(rf"\bcorpus\.(?=({settings})\b)", f"corpus.parts.{name}.", said)
        return placed if placed != said else f"{name}: {said}"


def uneven(utterances: Sequence[Utterance]) -> list[str]:
    """Of several corpora, emotions that not all of them have, as a remark: where they come from tells them."""
    corpora: dict[str, set[str]] = {}
    for utterance in utterances:
        corpora.setdefault(utterance.corpus, set()).add(utterance.emotion)
    sets = list(corpora.values())
    uncommon = set().union(*sets) - set(sets[0]).intersection(*sets)
    if not uncommon:
        return []
    told = [
        f"{emotion} (in {', '.join(name for name, own in corpora.items() if emotion in own)})"
        for emotion in label_order(uncommon)
    ]
    return [
        f"emotions that not all corpora have: {'; '.join(told)}: a model may know them by how their corpus sounds;"
        " labels=big4, or labels.only, keeps those that all have"
    ]
