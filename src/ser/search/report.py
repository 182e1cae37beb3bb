"""What a search leaves behind: trials.csv, best.yaml, history.png, importance.png; and what it says.

Only the search's database and the runs' status.json are read: nothing of the test is in them.
"""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ser.files import replacing, write_csv
from ser.runs.names import validation_column
from ser.runs.status import read_status
from ser.search.space import Space, word

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

NAMES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "at work", "WAITING": "waiting"}
SCORE = "score"  # what the study calls it
ENOUGH = 4  # complete trials, for importance to say something


def score_of(study: "Study") -> str:
    """The score on validation that the search goes by: uar, or of dimensions ccc."""
    return str(study.user_attrs.get(SCORE, "uar"))


def best_trial(study: "Study") -> "FrozenTrial | None":
    """The complete trial with the highest validation score, the first of several; None: there is none yet."""
    complete = _complete(study)
    return max(complete, key=lambda trial: (trial.value, -trial.number)) if complete else None


def write(folder: Path, study: "Study", space: Space, best: Sequence[str] | None = None) -> None:
    """Write trials.csv and history.png; at the end of the search, with the overrides of the best trial, the rest."""
    from ser.search import figures

    trials = study.get_trials(deepcopy=False)
    write_csv(folder / "trials.csv", [_row(folder, trial, space, score_of(study)) for trial in trials])
    word_of_score = score_of(study).upper()
    figures.history(folder / "history.png", trials, word_of_score)
    trial = best_trial(study)
    if best is None or trial is None:
        return
    found = {
        "trial": trial.number,
        f"validation_{score_of(study)}": trial.value,
        "folder": str(trial.number),
        "command": _command(best),
        "overrides": list(best),
    }
    with replacing(folder / "best.yaml") as beside:
        beside.write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=10_000), encoding="utf-8")
    importance = importances(study)
    if importance:
        figures.importance(folder / "importance.png", importance, word_of_score)


def importances(study: "Study") -> dict[str, float]:
    """Share of each parameter in the variance of the validation score over the complete trials, from 0 to 1.

    By fANOVA (Hutter et al. 2014). Empty where the trials are too few, or equally good.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    complete = _complete(study)
    if len(complete) < ENOUGH or len({trial.value for trial in complete}) < 2:
        return {}
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))


def line(folder: Path, study: "Study", space: Space, trial: "FrozenTrial", n_trials: int) -> str:
    """What is said when a trial has ended."""
    before, best = read_status(folder / str(trial.number)), best_trial(study)
    state = NAMES[trial.state.name]
    if state == "complete":
        said = f"validation {score_of(study).upper()} {trial.value:.3f}"
    elif state == "pruned":
        said = f"pruned after epoch {_epochs(trial)}, validation {score_of(study).upper()} {_score(trial) or 0:.3f}"
    else:
        said = f"failed: {before.message if before else 'it has left no word'}"
    standing = f"  (best {best.value:.3f}, trial {best.number})" if best else ""
    seconds = f"  {before.seconds:.0f} s" if before else ""
    return f"trial {trial.number} ({trial.number + 1} of {n_trials}): {said}{standing}{seconds}  {_point(trial, space)}"


def summary(folder: Path, study: "Study", space: Space, best: Sequence[str]) -> str:
    """The report of the search."""
    trials = study.get_trials(deepcopy=False)
    counts = Counter(NAMES[trial.state.name] for trial in trials)
    lines = ["", f"{len(trials)} trials: " + ", ".join(f"{counts[name]} {name}" for name in list(NAMES.values())[:3])]
    trial = best_trial(study)
    if trial is None:
        return "\n".join([*lines, "no trial came to its end: there is no best one", f"search folder {folder}"])
    lines.append(f"best on validation: trial {trial.number}, {score_of(study).upper()} {trial.value:.3f}")
    width = max(map(len, space))
    shares = importances(study)
    for key in space:
        share = f"  importance {shares[key]:.2f}" if key in shares else ""
        lines.append(f"  {key:{width}}  {_shown(trial.params[key]):10}{share}".rstrip())
    if not shares:
        lines.append(f"importance needs {ENOUGH} complete trials that differ in score")
    lines += [
        f"its run, with its test: {folder / str(trial.number)}",
        f"train it again: {_command(best)}",
        "The best of many on validation is better there than elsewhere: quote its test score, once.",
        f"search folder {folder}",
    ]
    return "\n".join(lines)


def _complete(study: "Study") -> list["FrozenTrial"]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def _row(folder: Path, trial: "FrozenTrial", space: Space, name: str) -> dict[str, Any]:
    before, score = read_status(folder / str(trial.number)), _score(trial)
    return {
        "trial": trial.number,
        "state": NAMES[trial.state.name],
        validation_column(name): "" if score is None else f"{score:.5f}",
        **{key: word(space[key], trial.params[key]) if key in trial.params else "" for key in space},
        "epochs": _epochs(trial),
        "seconds": before.seconds if before else "",
        "message": before.message if before else "",
        "folder": trial.number,
    }


def _score(trial: "FrozenTrial") -> float | None:
    """Validation score: at the end, or when it was pruned or last heard of."""
    if trial.value is not None:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None


def _epochs(trial: "FrozenTrial") -> int:
    """Epochs run, over all folds."""
    return len(trial.intermediate_values)


def _point(trial: "FrozenTrial", space: Space) -> str:
    return " ".join(f"{key}={_shown(trial.params[key])}" for key in space if key in trial.params)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _command(overrides: Sequence[str]) -> str:
    return shlex.join(["ser", "train", *overrides])
