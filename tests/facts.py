"""Facts of a run that was never made. Not a test itself."""

from dataclasses import replace
from typing import Any

from ser.runs.facts import CorpusFacts, Facts, Seconds, SplitFacts, Validation
from ser.runs.results import Results, Scores
from ser.splits.audit import Audit

FACTS = Facts(
    seed=0,
    corpus=CorpusFacts("made", None, n_utterances=200, n_broken=0, fingerprint="abc"),
    git_commit=None,
    versions={"python": "3.11"},
    seconds=Seconds(1.0, 2.0, 3.0),
    split=SplitFacts("kfold", 1, 5, seed=0, hash="def", speaker_independent=True, n_train=120, n_val=20),
    audit=Audit([], 0, []),
    validation=None,
    n_parameters=1000,
    device="cpu",
    precision="32-true",
)


def facts(**changes: Any) -> Facts:
    """FACTS, but for some; those of `corpus`, `split` and `audit` as mappings."""
    parts = {name: replace(getattr(FACTS, name), **changes.pop(name)) for name in _PARTS if name in changes}
    return replace(FACTS, **parts, **changes)


def results(*, test: float = 0.5, validation: float | None = None) -> Results:
    """Such as a run leaves whose scores are all the same: `test`, and `validation` of the first epoch."""
    scores = Scores(test, test, test, test, n_test=0, per_class={}, labels=[], confusion=[])
    kept = validation and Validation(epoch=1, loss=1.0, uar=validation, accuracy=validation, macro_f1=validation)
    return Results(scores, facts(validation=kept))


_PARTS = ("corpus", "split", "audit")
