"""Protocols by what a corpus says of its clips: folds or parts of its own, or an attribute."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from ser.corpora.base import Utterance
from ser.corpora.keys import key, part
from ser.errors import SplitError
from ser.splits.base import PARTS, Protocol

COLUMN = "split"


class HeldOut(Protocol):
    """Each value of an attribute (a sentence, a session, a corpus) is the test in turn: what is new to the model there.

    Validation is cut out in the same manner, `val_fraction` of the other values and one at least; where a single value
    is left, some of its speakers if none of them is in test, else of its clips.

    Args:
        by: the attribute.
        name, fold, seed, val_fraction: see `Protocol`; there is a fold a value, in the order of their names.
    """

    def __init__(self, *, name: str, fold: int | str, seed: int, val_fraction: float, by: str | None) -> None:
        super().__init__(name=name, fold=fold, seed=seed, val_fraction=val_fraction)
        self.by = by

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        there = list(dict.fromkeys(name for utterance in utterances for name in utterance.attributes))
        if self.by not in there:
            raise SplitError(
                f"split.by must be an attribute of the clips: {', '.join(there) or 'this corpus has none'}; got"
                f" {self.by!r} (split=loso leaves out speakers)"
            )
        without = [utterance for utterance in utterances if self._value(utterance) is None]
        if without:
            raise SplitError(
                f"split={self.name}: {len(without)} of {len(utterances)} clips do not say their {self.by}; the first"
                f" is {without[0].id}"
            )
        values = sorted({self._value(utterance) or "" for utterance in utterances})
        if len(values) < 2:
            raise SplitError(f"split={self.name}: the {self.by} of all clips is {values[0]}; two values are needed")
        return [{utterance.id for utterance in utterances if self._value(utterance) == value} for value in values]

    def _validation(self, rest: Sequence[Utterance], test: Sequence[Utterance], digests: Mapping[str, str]) -> set[str]:
        values = sorted({self._value(utterance) or "" for utterance in rest})
        if len(values) < 2:
            return self._validation_by_test(rest, test, digests)
        n_values = min(max(round(self.val_fraction * len(values)), 1), len(values) - 1)
        held_out = random.Random(self.seed).sample(values, n_values)
        return {utterance.id for utterance in rest if self._value(utterance) in held_out}

    def _value(self, utterance: Utterance) -> str | None:
        return key(utterance.attributes.get(self.by or "", ""))


class Given(Protocol):
    """The parts that the corpus itself names: in folds of its own, or in the attribute `split` (train, val, test).

    Where it names no validation, `val_fraction` of training is cut out: of its speakers where all are known and none
    of them is in test, else of its clips. What has no part in one of several folds is left out of it.

    Args:
        name, fold, seed, val_fraction: see `Protocol`; there are as many folds as the corpus has, else one.
    """

    _parts: Mapping[str, str | None]
    """By utterance id, of the fold that is being put together."""

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        if self.own_folds is not None:
            there = {utterance.id for utterance in utterances}
            folds = [{one: part for one, part in parts.items() if one in there} for parts in self.own_folds]
            for part in ("test", "train"):
                if empty := [str(number) for number, fold in enumerate(folds, start=1) if part not in fold.values()]:
                    raise SplitError(
                        f"split={self.name}: no clip of the {part} part of fold {', '.join(empty)} is there; add the"
                        " recordings, or use split=speaker or random"
                    )
            return [{one for one, part in fold.items() if part == "test"} for fold in folds]
        corpora = dict.fromkeys(utterance.corpus for utterance in utterances)
        apart = [name for name in corpora if all(COLUMN not in u.attributes for u in utterances if u.corpus == name)]
        if apart and len(corpora) > 1:
            raise SplitError(
                f"split={self.name}: several corpora must have the same number of folds of their own, or all the column"
                f" {COLUMN} (not in {', '.join(apart)}); use split=held_out split.by=corpus, or split=speaker"
            )
        if not any(COLUMN in utterance.attributes for utterance in utterances):
            raise SplitError(
                f"split={self.name}: this corpus does not say which clips are for training and which for test; use"
                f" corpus=table with a column {COLUMN} (train, val, test), corpus=folder with"
                f" 'corpus.levels=[{COLUMN},emotion]', or split=speaker or random"
            )
        unknown = [utterance for utterance in utterances if _part(utterance) is None]
        if unknown:
            raise SplitError(
                f"split={self.name}: {len(unknown)} of {len(utterances)} clips have no part; the first is"
                f" {unknown[0].id} with {unknown[0].attributes.get(COLUMN, '')!r} in the column {COLUMN}; write train,"
                " val or test"
            )
        parts = {_part(utterance) for utterance in utterances}
        missing = [part for part in ("train", "test") if part not in parts]
        if missing:
            raise SplitError(f"split={self.name}: the column {COLUMN} gives no clip to {' or '.join(missing)}")
        return [{utterance.id for utterance in utterances if _part(utterance) == "test"}]

    def _members(self, fold: int, utterances: Sequence[Utterance]) -> Sequence[Utterance]:
        if self.own_folds is None:
            self._parts = {utterance.id: _part(utterance) for utterance in utterances}
        else:
            self._parts = self.own_folds[fold - 1]
        return [utterance for utterance in utterances if utterance.id in self._parts]

    def _validation(self, rest: Sequence[Utterance], test: Sequence[Utterance], digests: Mapping[str, str]) -> set[str]:
        named = {utterance.id for utterance in rest if self._parts[utterance.id] == "val"}
        if named:
            return named
        return self._validation_by_test(rest, test, digests)


def _part(utterance: Utterance) -> str | None:
    return part(utterance.attributes.get(COLUMN, ""))


def unused_split(utterances: Sequence[Utterance], protocol: Protocol) -> list[str]:
    """Whether the corpus brings a split of its own that is not used, as a remark."""
    words = [word for utterance in utterances if key(word := utterance.attributes.get(COLUMN, ""))]
    if isinstance(protocol, Given):
        return []
    if protocol.own_folds:
        return [
            f"brings {len(protocol.own_folds)} folds of its own, which split={protocol.name} does not use; split=given"
            " does"
        ]
    if not words:
        return []
    counts = Counter(part(word) or word for word in words)
    names = [name for name in (*PARTS, *sorted(counts.keys() - set(PARTS))) if name in counts]
    told = ", ".join(f"{name} {counts[name]}" for name in names[:5]) + (", ..." if len(names) > 5 else "")
    return [f"brings a split of its own ({told}), which split={protocol.name} does not use; split=given does"]
