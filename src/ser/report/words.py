"""What the page says of a run in words."""

from collections.abc import Mapping, Sequence

from ser.runs import calibrated
from ser.runs.assessment import Group
from ser.runs.calibration import Calibration
from ser.runs.check import OVERFIT
from ser.runs.dimensions.results import DimensionResults
from ser.runs.facts import Facts, SplitFacts
from ser.runs.names import BROKEN
from ser.runs.report import across, headline
from ser.runs.results import Results
from ser.runs.voting import about_agreement, told


def title(results: Results) -> str:
    """What was tested, and the score."""
    return f"{headline(results)}: UAR {results.scores.uar:.3f}"


def notices(facts: Facts, n_test: int) -> list[str]:
    """What a reader must know before all else; `n_test`: clips tested."""
    said = [f"A check, and no result. {facts.check.said}"] if facts.check else []
    said += [facts.corpus.notice] if facts.corpus.notice else []
    if facts.interrupted:
        said.append(
            f"Interrupted in epoch {facts.interrupted.epoch} of {facts.interrupted.n_epochs}:"
            " this is no finished result."
        )
    if facts.rehearsal:
        said.append("One batch of everything was heard, to see whether it runs: this is no result.")
    if facts.untested:
        n_all = n_test + facts.untested
        said.append(f"Only {n_test} of {n_all} test clips were heard, as the Trainer was told: this is no result.")
    return said


def protocol(facts: Facts, n_test: int) -> list[str]:
    """Who trained, who was tested (so many clips), and what the audit has found."""
    split, audit, corpus = facts.split, facts.audit, facts.corpus
    said = [f"{_folds(split)} {n_test} clips are tested."]
    if facts.trained:
        said = [f"Test on {corpus.name}, {n_test} clips; {across(facts.trained)}."]
    each = " in the first fold" if split.is_pooled else ""
    said.append(
        f"{split.n_train} clips are for training and {split.n_val} for validation{each}; nothing is chosen on test."
    )
    if facts.check and facts.check.name == OVERFIT:
        return [*said, "What is tested was trained on, as the check wants it."]
    alone = "No speaker of the test is in training or validation: the score holds for new speakers"
    said.append(f"{audit.about_speakers or alone}.")
    if audit.about_known:
        said.append(f"{audit.about_known}.")
    if audit.identical:
        one, other = audit.identical[0]
        several = _count(len(audit.identical), "recording is", "recordings are")
        said.append(f"{several} identical in training and test, such as {one} and {other}.")
    elif not audit.n_gone:
        said.append("No recording of the test is in training too.")
    if facts.label_map:
        said.append(f"{facts.label_map.said}.")
    if corpus.n_broken:
        said.append(
            f"{_count(corpus.n_broken, 'clip', 'clips')} could not be used; {BROKEN} in the run folder tells why."
        )
    return said


def _folds(split: SplitFacts) -> str:
    if split.is_pooled:
        return f"Protocol {split.name}: all {split.n_folds} folds pooled, each trained by itself."
    return f"Protocol {split.name}, fold {split.fold} of {split.n_folds}."


def facts_of(results: Results | DimensionResults, choices: Mapping[str, str]) -> dict[str, str]:
    """Model, machine and times, a line each."""
    facts, seconds = results.facts, results.facts.seconds
    score, word = ("ccc", "CCC") if isinstance(results, DimensionResults) else ("uar", "UAR")
    said = {name: choices[name] for name in ("model", "feature", "augment", "normalize") if name in choices}
    several = [choice for name, choice in choices.items() if name.startswith("feature@")]
    if several:
        said["feature"] = ", ".join(several)
    said |= {"weights trained": f"{facts.n_parameters:,}", "device": facts.device or "several"}
    said["time"] = f"{_duration(seconds.training)} of training, {_duration(seconds.test)} of test"
    validation = results.validation if isinstance(results, DimensionResults) else facts.validation
    if validation:
        kept = f", epoch {validation.epoch} kept" if validation.epoch else ", the mean of the folds"
        said["validation"] = f"{word} {results.main_validation:.3f}{kept}"
    if results.folds:
        spread = results.folds[score]
        said["folds"] = f"{word} {spread.mean:.3f} ± {spread.std:.3f}, mean and standard deviation"
    if facts.chosen:
        said["chosen on validation"] = ", ".join(f"{name} {_told(value)}" for name, value in facts.chosen.items())
    if results.tta:
        said["test-time augmentation"] = (
            f"{word} {results.tta[score]:.3f}, of the mean of {facts.tta_views} views a clip"
        )
    said["seed"] = "several" if facts.seed is None else str(facts.seed)
    said["split hash"], said["corpus"] = (
        facts.split.hash,
        f"{facts.corpus.name}, fingerprint {facts.corpus.fingerprint}",
    )
    return said


def raters(results: Results) -> list[str]:
    """How near the answers come to what several raters said, and how far these agree."""
    alpha = results.facts.corpus.agreement
    said = told(results.votes) if results.votes else []
    said += [] if alpha is None else [about_agreement(alpha)]
    return [f"{sentence[0].upper()}{sentence[1:]}." for sentence in said]


def extremes(groups: Sequence[Group]) -> str:
    """Whose emotions are told worst and best, of groups with clips enough to tell; empty where there are not two."""
    told = [group for group in groups if group.uar_interval and len(group.recall) > 1]
    if len(told) < 2:
        return ""
    worst, *_, best = sorted(told, key=lambda group: group.uar)
    if worst.uar == best.uar:
        return ""
    return f"Told worst is {worst.value} (UAR {worst.uar:.3f}), best {best.value} ({best.uar:.3f})."


def calibration(found: Calibration) -> list[str]:
    """Whether probabilities can be believed."""
    said = [
        f"Expected calibration error {found.ece:.3f}: so far is the probability of the answer from how often it is"
        f" right, on average. Brier score {found.brier:.3f} (0 is best; answering how often each emotion occurs:"
        f" {found.brier_of_the_rates:.3f})."
    ]
    if effect := calibrated.effect(found):
        said.append(f"The {effect}.")
    said.append(f"Area under accuracy against coverage: {found.coverage.area:.3f}; 1 is best.")
    if sets := found.conformal:
        low, high = sets.interval
        said.append(
            f"Conformal prediction sets, made on validation to hold the right emotion for {sets.level:.0%} of the"
            f" clips, hold it for {sets.coverage:.1%} of the test [{low:.1%}, {high:.1%}], with {sets.mean_size:.2f}"
            " emotions on average."
        )
    return said


def _told(value: float | Sequence[float]) -> str:
    """A value, or those of the folds."""
    return f"{value:.3g}" if isinstance(value, int | float) else ", ".join(f"{one:.3g}" for one in value) + " by fold"


def _count(n: int, one: str, several: str) -> str:
    return f"{n} {one if n == 1 else several}"


def _duration(seconds: float) -> str:
    """
    >>> _duration(9.24), _duration(100), _duration(7300)
    ('9.2 s', '1 min 40 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
