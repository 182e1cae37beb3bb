"""The model card of an exported model: a README.md as the Hugging Face hub reads it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ser.export.origin import UNKNOWN, Origin, command_of
from ser.features.base import FrozenFeature
from ser.inference.members import Member
from ser.recognizer import Recognizer
from ser.runs.assessing import assess
from ser.runs.assessment import Assessment
from ser.runs.names import MAIN_SCORES, SCORES
from ser.runs.results import Results

LIBRARY = "ser-lab"


def card(name: str, members: Sequence[Member], origin: Origin, usage: str, notes: Sequence[str]) -> str:
    """README.md of a model.

    Args:
        name: of the model.
        members: its recognisers.
        origin: of the model.
        usage: how it is used, in Markdown.
        notes: what was measured at the export, a line each.
    """
    from huggingface_hub import ModelCardData

    labels, results = members[0].recognizer.labels, origin.results
    own = None if results is None or _is_untested(results, len(members)) else results
    data = ModelCardData(
        license=origin.license,
        library_name=LIBRARY,
        pipeline_tag="audio-classification",
        tags=["speech-emotion-recognition", "audio-classification"],
        datasets=results.facts.corpus.name.split("+") if results else None,
        metrics=["accuracy", "recall", "f1"] if results else None,
        model_name=name if own else None,
        eval_results=list(_evaluations(own)) if own else None,
    )
    commands = "\n".join(f"    {command}" for command in _commands(members, origin))
    parts = [
        f"---\n{data.to_yaml()}\n---",
        f"# {name}",
        f"Names the emotion of a short recording of speech: {', '.join(labels)}. {_kind(members)}",
        f"## Use\n\n{usage}",
        *(_tested(results, origin, len(members)) if results and origin.predictions else ["## Test\n\nNot known here."]),
        "## Export\n\n" + "\n".join(f"- {note}" for note in notes) if notes else "",
        f"## Limits\n\n{_limits(results)}",
        f"## Licence\n\n{_licence(origin)}",
        f"## Made by\n\n{commands}\n\nPlaces on the machine are left out." if commands else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _is_untested(results: Results, n_members: int) -> bool:
    """Whether the scores are those of single folds, and not of the mean of all."""
    return n_members > 1 and results.facts.split.is_pooled


def _evaluations(results: Results) -> Iterator[Any]:
    from huggingface_hub import EvalResult

    kinds = {"accuracy": "accuracy", "uar": "recall", "macro_f1": "f1"}
    for score in MAIN_SCORES:
        yield EvalResult(
            task_type="audio-classification",
            task_name="Speech emotion recognition",
            dataset_type=results.facts.corpus.name,
            dataset_name=results.facts.corpus.name,
            metric_type=kinds[score],
            metric_name=SCORES[score],
            metric_value=round(getattr(results.scores, score), 4),
        )


def _kind(members: Sequence[Member]) -> str:
    """What the members are; where they are of several kinds, a line and the weight of each."""
    weights: dict[str, float] = {}
    for member in members:
        kind = _kind_of(member.recognizer)
        weights[kind] = weights.get(kind, 0.0) + member.weight
    several = f"The mean of the probabilities of {len(members)} recognisers" if len(members) > 1 else ""
    if len(weights) > 1:
        return f"{several}, by weight:\n\n" + "\n".join(f"- {weight:.2f}: {kind}" for kind, weight in weights.items())
    return f"{several}. {next(iter(weights))}" if several else next(iter(weights))


def _kind_of(recognizer: Recognizer) -> str:
    feature, model = type(recognizer.feature).__name__, type(recognizer.model).__name__
    title = recognizer.feature.title if isinstance(recognizer.feature, FrozenFeature) else ""
    encoder = f" ({title.rpartition('/')[2]})" if title else ""
    sample = f"It takes mono speech at {recognizer.feature.sample_rate} Hz"
    trimmed = recognizer.feature.trim_db
    trim = f", cut off at both ends where it lies {trimmed:g} dB below its loudest part" if trimmed else ""
    return f"Feature {feature}{encoder}, model {model}, of ser-lab. {sample}{trim}."


def _commands(members: Sequence[Member], origin: Origin) -> list[str]:
    """The command of the run; or, of an ensemble, those of its runs, as far as they are known."""
    if origin.command:
        return [origin.command]
    known = [command_of(Path(member.source).parent.parent) for member in members]
    return [command for command in dict.fromkeys(known) if command]


def _tested(results: Results, origin: Origin, n_members: int) -> Iterator[str]:
    predictions = origin.predictions
    assert predictions is not None
    assessment = assess(predictions)
    facts = results.facts
    split = facts.split
    fold = f"all {split.n_folds} folds" if split.is_pooled else f"fold {split.fold} of {split.n_folds}"
    protocol = f"{split.name}, {fold}, seed {split.seed}, split hash {split.hash}"
    yield (
        f"## Data and protocol\n\n- corpus: {facts.corpus.name}, {facts.corpus.n_utterances} clips"
        f"{', ' + facts.corpus.notice if facts.corpus.notice else ''}\n- protocol: {protocol}\n"
        f"- speaker-independent: {facts.audit.verdict}\n"
        f"- identical recordings in training and test: {len(facts.audit.identical)}\n"
        f"- clips: {split.n_train} training, {split.n_val} validation, {results.scores.n_test} test"
        f"{' (of all folds)' if split.is_pooled else ''}"
    )
    warning = ""
    if _is_untested(results, n_members):
        warning = (
            "\n\nThese are scores of single folds, each on clips that it had not heard. Their mean, which this model"
            " gives, has heard all of them: it has no test of its own."
        )
    yield f"## Scores\n\n{_scores(results, assessment)}{warning}"
    rows = [(label, one.precision, one.recall, one.f1, one.support) for label, one in results.scores.per_class.items()]
    yield "## By emotion\n\n" + _table(["emotion", "precision", "recall", "F1", "clips"], rows)
    broken_down = [
        (name, group.value, group.uar, group.accuracy, group.n)
        for name, groups in assessment.attributes.items()
        for group in groups
    ]
    if broken_down:
        yield "## Breakdown\n\n" + _table(["", "", "UAR", "accuracy", "clips"], broken_down)


def _scores(results: Results, assessment: Assessment) -> str:
    """The main scores, with their intervals."""
    intervals = assessment.intervals
    rows = []
    for score in MAIN_SCORES:
        low, high = getattr(intervals, score)
        rows.append((SCORES[score], f"{getattr(results.scores, score):.3f}", f"{low:.3f} to {high:.3f}"))
    head = ["score", "", f"95 % interval, bootstrap over {intervals.n_units} {intervals.unit}"]
    return _table(head, rows)


def _limits(results: Results | None) -> str:
    of = (
        f"{results.facts.corpus.name}: other speakers, languages, microphones"
        if results
        else "its data: other speakers"
    )
    return (
        f"The scores hold for clips like those of {of} and situations may give others, mostly worse. What people act"
        " is not what they feel: the answer says what a voice is taken for, not what somebody feels. Do not use it to"
        " decide about people."
    )


def _licence(origin: Origin) -> str:
    if not origin.terms:
        return "The licence of the data is not known here; who publishes this model has to say it."
    name = "" if origin.license == UNKNOWN else f" ({origin.license})"
    return f"That of the data{name}:\n\n    " + origin.terms.replace("\n", "\n    ")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    told = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *told]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
