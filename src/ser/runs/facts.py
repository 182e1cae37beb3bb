"""What metrics.json says of a test beside its scores: corpus, protocol, audit, times, and what was done."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ser.corpora.base import Listeners
from ser.corpora.mapping import LabelMap
from ser.splits.audit import Audit
from ser.splits.base import ALL_FOLDS, Split

# Below, what is None by default is left out of metrics.json where it is None; other things are null there.


@dataclass(frozen=True)
class CorpusFacts:
    """The corpus; `notice`: what a reader must know; `fingerprint`: equal ones mean the same clips, equally named.

    `listeners`: what people reach on it, where that is known. `agreement`: Krippendorff's alpha of its raters, where
    they are known.
    """

    name: str
    notice: str | None
    n_utterances: int
    n_broken: int
    fingerprint: str
    listeners: Listeners | None = None
    agreement: float | None = None


@dataclass(frozen=True)
class SplitFacts:
    """The protocol; `fold`: from 1, or all; `hash`: equal ones mean the same clips in the same parts.

    `speaker_independent`: None where speakers are not known.
    """

    name: str
    fold: int | str
    n_folds: int
    seed: int
    hash: str
    speaker_independent: bool | None
    n_train: int
    n_val: int

    @classmethod
    def of(cls, split: Split, leaks: Audit, seed: int) -> "SplitFacts":
        """Of a split, whose audit found `leaks`."""
        parts = {"n_train": len(split.train), "n_val": len(split.val)}
        independent = leaks.speaker_independent
        return cls(split.name, split.fold, split.n_folds, seed, split.hash, independent, **parts)

    @property
    def is_pooled(self) -> bool:
        """Whether these are all folds together."""
        return self.fold == ALL_FOLDS


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Scores on the validation part, of the epoch kept (from 1); of pooled folds their means, without an epoch."""

    epoch: int | None = None
    loss: float
    uar: float
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Seconds:
    """Wall times; `audio`: of reading the corpus and computing a frozen feature."""

    audio: float
    training: float
    test: float


@dataclass(frozen=True)
class Interruption:
    """Where Ctrl-C stopped the training: in which epoch, and of pooled folds in which fold."""

    epoch: int
    n_epochs: int
    fold: int | None = None
    n_folds: int | None = None


@dataclass(frozen=True)
class Member:
    """A run of an ensemble: its own scores on the same test clips, and its weight in the mean, one a fold."""

    uar: float
    accuracy: float
    weight: list[float]


@dataclass(frozen=True)
class Ensemble:
    """What was put together; `weights`: how they were found, equal or validation; `members`: by run folder."""

    weights: str
    members: dict[str, Member]


@dataclass(frozen=True)
class Trained:
    """Of a test on another corpus, the run that was tested.

    Attributes:
        run: its folder.
        corpus: it was trained on.
        split: its protocol, as its own report says it.
        n_recognizers: whose mean was tested: one, those of all folds, or those of an ensemble.
        command: what makes this test again.
    """

    run: str
    corpus: str
    split: str
    n_recognizers: int
    command: str


@dataclass(frozen=True)
class Check:
    """What came of check=..., see `ser.runs.check`.

    Attributes:
        name: which.
        passed: whether all is well.
        said: the verdict in words.
    """

    name: str
    passed: bool
    said: str


@dataclass(frozen=True)
class Facts:
    """What predictions do not say.

    Attributes:
        seed: None of an ensemble whose members differ in it; so with `device` and `precision`.
        git_commit, versions: see `ser.runs.provenance`.
        seconds: of an ensemble those of its members together.
        validation: None where training was stopped before an epoch was finished, or nothing was validated.
        n_parameters: that are trained.
        device: cpu, the GPU's name, or such as `2 x cpu`.
        precision: as Lightning names it.
        tta_views: of test-time augmentation.
        chosen: on validation, of the settings of a model that is solved; of pooled folds a value for each.
        untested: test clips that the Trainer was told to leave out.
        rehearsal: whether it was fast_dev_run: one batch of everything.
        ensemble: of `ser ensemble` only.
        check: what came of check=...; None: this is a result.
        label_map: what became of the corpus's labels; None: they are the emotions as they are.
        trained: of `ser evaluate` only: `corpus` is what was tested, and this was trained; else None.
    """

    seed: int | None
    corpus: CorpusFacts
    git_commit: str | None
    versions: dict[str, str]
    seconds: Seconds
    split: SplitFacts
    audit: Audit
    validation: Validation | None
    n_parameters: int
    device: str | None
    precision: str | None
    tta_views: int | None = None
    chosen: dict[str, Any] | None = None
    untested: int | None = None
    rehearsal: bool | None = None
    interrupted: Interruption | None = None
    ensemble: Ensemble | None = None
    check: Check | None = None
    label_map: LabelMap | None = None
    trained: Trained | None = None


def facts_of(content: Mapping[str, Any]) -> Facts:
    """The facts that metrics.json says.

    Raises:
        KeyError, TypeError, AttributeError: it is damaged.
    """
    audit, validation, interrupted = content["audit"], content["validation"], content.get("interrupted")
    listeners = content["corpus"].get("listeners")
    optional = ("ensemble", "check", "label_map", "trained")
    ensemble, check, label_map, trained = (content.get(name) for name in optional)
    facts = {
        **those_of(Facts, content),
        "corpus": CorpusFacts(**{**content["corpus"], "listeners": listeners and Listeners(**listeners)}),
        "seconds": Seconds(**content["seconds"]),
        "split": SplitFacts(**content["split"]),
        "audit": Audit(**{**audit, "identical": [tuple(pair) for pair in audit["identical"]]}),
        "validation": validation and Validation(**validation),
        "interrupted": interrupted and Interruption(**interrupted),
        "ensemble": ensemble
        and Ensemble(ensemble["weights"], {name: Member(**one) for name, one in ensemble["members"].items()}),
        "check": check and Check(**check),
        "label_map": label_map and LabelMap(**label_map),
        "trained": trained and Trained(**trained),
    }
    return Facts(**facts)


def those_of(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """What some content says of the fields of a dataclass."""
    return {field.name: content[field.name] for field in fields(kind) if field.name in content}
