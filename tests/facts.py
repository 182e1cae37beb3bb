"""Facts of a run that was never made. Not a test itself."""

from dataclasses import replace
from typing import Any

from ser.runs.results import CorpusFacts, Facts, Seconds, SplitFacts
from ser.splits.audit import Audit

FACTS = Facts(
    seed=0,
    corpus=CorpusFacts("made", None, n_utterances=200, n_broken=0, fingerprint="abc"),
    git_commit=None,
    versions={"python": "3.11"},
    seconds=Seconds(1.0, 2.0, 3.0),
    split=SplitFacts("kfold", 1, 5, seed=0, hash="def", speaker_independent=True, n_train=120, n_val=20),
    audit=Audit([], []),
    validation=None,
    n_parameters=1000,
    device="cpu",
    precision="32-true",
)


def facts(**changes: Any) -> Facts:
    """FACTS, but for some; those of `corpus`, `split` and `audit` as mappings."""
    parts = {name: replace(getattr(FACTS, name), **changes.pop(name)) for name in _PARTS if name in changes}
    return replace(FACTS, **parts, **changes)


_PARTS = ("corpus", "split", "audit")
