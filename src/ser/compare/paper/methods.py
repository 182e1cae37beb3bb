"""The methods paragraph of a paper, filled from what the run folders say.

A sentence is plain text; citations stand in it as Pandoc has them, `[@demsar2006]`, by the keys of references.bib.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ser import statistics
from ser.compare import formats
from ser.compare.comparison import LEVEL, Table
from ser.compare.rows import Row, choice_of, short, word
from ser.config.dotted import is_below
from ser.runs.facts import Facts
from ser.runs.results import read_results

Escape = Callable[[str], str]
Cite = Callable[[Sequence[str]], str]

_CITED = re.compile(r"\[((?:@[\w:-]+(?:; )?)+)\]")
_TABLE = "tab:scores-"  # and its number: no citation, but a reference

# By the protocol's name.
PROTOCOLS = {
    "random": "a stratified random part of the clips is tested, speakers mixed",
    "kfold": "stratified k-fold cross-validation over the clips, speakers mixed",
    "speaker": "speaker-independent k-fold cross-validation, stratified by emotion and, where it is known, gender",
    "loso": "one speaker is left out at a time",
    "emobox": "the speaker-independent folds of EmoBox [@ma2024]",
    "luna": "the speaker-independent folds of Luna-Jiménez et al. [@lunajimenez2021]",
    "speakers": "named speakers are tested",
    "held_out": "the clips with one value of an attribute are left out at a time",
    "given": "the parts that the corpus names itself",
}
CORPORA = {"ravdess": "livingstone2018"}
# What is cited with a choice of a group, or with one of its parts.
CHOICES = {
    "wav2vec": "baevski2020",
    "hubert": "hsu2021",
    "wavlm": "chen2022",
    "whisper": "radford2023",
    "egemaps": "eyben2016",
    "compare": "schuller2016",
    "resnet": "he2016",
    "specaugment": "park2019",
}
GROUPS = {
    "feature": "feature",
    "augment": "augmentation",
    "model": "model",
    "optim": "optimiser",
    "loss": "loss",
    "training": "selection of the epoch",
}
SETTINGS = {
    "epochs": "epochs at most",
    "batch_size": "clips in a batch",
    "sampling": "sampling",
    "trainer.gradient_clip_val": "gradients clipped at",
    "trainer.accumulate_grad_batches": "batches accumulated",
}
OF_SOLVED = ("feature", "model", "loss.class_weights")  # all that a model hears of that is solved at once


def tex(tables: Sequence[Table]) -> str:
    r"""LaTeX, a paragraph a table, with \cite."""

    def cite(keys: Sequence[str]) -> str:
        is_table = keys[0].startswith(_TABLE)
        return rf"Table~\ref{{{keys[0]}}}" if is_table else rf"\cite{{{','.join(keys)}}}"

    return _joined(tables, formats.escaped, cite)


def markdown(tables: Sequence[Table]) -> str:
    """Markdown as Pandoc takes it: `pandoc --citeproc --bibliography references.bib methods.md -o methods.docx`."""

    def cite(keys: Sequence[str]) -> str:
        is_table = keys[0].startswith(_TABLE)
        return f"Table {keys[0].removeprefix(_TABLE)}" if is_table else f"[{'; '.join(f'@{key}' for key in keys)}]"

    return _joined(tables, formats.marked, cite)


def _joined(tables: Sequence[Table], escape: Escape, cite: Cite) -> str:
    paragraphs = [" ".join(_sentences(number, table)) for number, table in enumerate(tables, start=1)]
    return "\n\n".join(_rendered(paragraph, escape, cite) for paragraph in paragraphs) + "\n"


def _sentences(number: int, table: Table) -> Iterator[str]:
    facts = [[read_results(run.folder).facts for run in row.runs] for row in table.rows]
    every = [one for row in facts for one in row]
    yield from _material(number, table, every[0], any_solved=any(one.chosen for one in every))
    yield from _recognisers(table, facts)
    yield from _evaluation(table)
    yield from _software(every)


def _material(number: int, table: Table, facts: Facts, *, any_solved: bool) -> Iterator[str]:
    first, corpus, split = table.rows[0], facts.corpus, facts.split
    labels, speakers = first.labels, {clip.speaker for clip in first.clips if clip.speaker}
    sources = "; ".join(f"@{CORPORA[name]}" for name in corpus.name.split("+") if name in CORPORA)
    cited = f" [{sources}]" if sources else ""
    left_out = f" ({corpus.n_broken} that could not be used were left out)" if corpus.n_broken else ""
    yield (
        f"[@{_TABLE}{number}]: the corpus is {corpus.name}{cited} with {corpus.n_utterances:,} clips{left_out} and the"
        f" {len(labels)} emotions {', '.join(labels)}; chance is a UAR of {1 / len(labels):.3f}."
    )
    settings = [
        f"{name.removeprefix('split.')}={_value(value)}"
        for name, value in first.protocol.items()
        if name.startswith("split.") and name not in ("split.seed", "split.name", "split.test_speakers")
    ]
    told = PROTOCOLS.get(split.name)
    folds = sorted({training.fold for training in first.trainings})
    tested = "all are tested" if len(folds) == split.n_folds else f"tested: {', '.join(map(str, folds))}"
    of = f" of {len(speakers)} speakers" if speakers else ""
    yield (
        f"The protocol is {split.name}{f': {told}' if told else ''} (split seed {split.seed}; {', '.join(settings)};"
        f" number of folds: {split.n_folds}, {tested}): {len(first.clips):,} test clips{of}."
    )
    yield from dict.fromkeys(note for row in table.rows for run in row.runs for note in run.notes)
    named = {"given": "what the corpus names", "speakers": "who is named for it"}
    cut = f"is {named[split.name]}, or else" if split.name in named else "is"
    yield (
        f"Validation {cut} cut out of training in the same manner as test; epochs, and what a model that is solved"
        " chooses, are chosen on it, and not on test."
    )
    if any_solved:
        yield "With what was chosen, a model that is solved is solved once more, from training and validation together."


def _recognisers(table: Table, facts: Sequence[Sequence[Facts]]) -> Iterator[str]:
    kinds: dict[str, list[int]] = {}
    for index, (one, *_) in enumerate(facts):
        kind = "ensembles" if one.ensemble else "solved at once, without epochs" if one.chosen else "trained by epochs"
        kinds.setdefault(kind, []).append(index)
    for kind, rows in kinds.items():
        parts = [_parts(table.rows[index], is_solved=facts[index][0].chosen is not None) for index in rows]
        shared = {name: said for name, said in parts[0].items() if all(one.get(name) == said for one in parts)}
        if len(rows) == 1 or not shared:
            shared = {}
        else:
            numbers = ", ".join(str(index + 1) for index in rows)
            said = "; ".join(f"{name} {words}" for name, words in shared.items())
            yield f"Rows {numbers} are {kind}, and share {said}."
        for index, own in zip(rows, parts, strict=True):
            own = {name: said for name, said in own.items() if name not in shared}
            yield _recogniser(index, table.rows[index], facts[index], own, "" if shared else f"{kind}; ")
    seeds = sorted({training.seed for row in table.rows for training in row.trainings if training.seed is not None})
    yield f"Seeds of the trainings: {', '.join(map(str, seeds))}."


def _recogniser(index: int, row: Row, facts: Sequence[Facts], parts: Mapping[str, str], kind: str) -> str:
    said = [f"{name} {said}" for name, said in parts.items()]
    if ensemble := facts[0].ensemble:
        kind, members = "", ", ".join(short(name) for name in ensemble.members)
        said = [f"the mean of the probabilities of {members} (weights: {ensemble.weights})"]
    said += [f"chosen on validation: {name} {_value(value)}" for name, value in (facts[0].chosen or {}).items()]
    parameters = "/".join(dict.fromkeys(f"{one.n_parameters:,}" for one in facts))
    n = len(row.trainings)
    return f"Row {index + 1}: {kind}{'; '.join([*said, f'{parameters} trained parameters', f'trainings: {n}'])}."


def _parts(row: Row, *, is_solved: bool) -> dict[str, str]:
    """What a recogniser is made of, and how it was trained, in words."""
    settings = {name: value for name, value in row.settings.items() if value is not None}
    if is_solved:
        settings = {name: value for name, value in settings.items() if is_below(name, OF_SOLVED)}
    if settings.get("loss.name") != "focal":
        settings.pop("loss.focal_gamma", None)
    said = {}
    for group, name in GROUPS.items():
        own = {key.partition(".")[2]: value for key, value in settings.items() if is_below(key, [group])}
        if not own:
            continue
        chosen = choice_of(row, group) if own.pop("_target_", None) else ""
        listed = ", ".join(f"{key}={_value(value)}" for key, value in own.items() if not key.endswith("_target_"))
        cited = [CHOICES[one] for one in re.findall(r"\w+", chosen) if one in CHOICES]
        at = f" [{'; '.join(f'@{key}' for key in cited)}]" if cited else ""
        said[name] = f"{chosen}{at} ({listed})".strip() if listed else f"{chosen}{at}"
    return said | {name: _value(settings[key]) for key, name in SETTINGS.items() if key in settings}


def _value(value: Any) -> str:
    """
    >>> _value(("mean", "deviation")), _value("/models/whisper-base")
    ('[mean, deviation]', 'whisper-base')
    """
    return short(word(value).replace('"', ""))


def _evaluation(table: Table) -> Iterator[str]:
    unit = table.unit
    yield (
        "The main score is the unweighted average recall (UAR). Intervals of 95 % are by the percentile bootstrap"
        f" [@efron1993] over {unit}{' [@field2007]' if unit == 'speakers' else ''} with"
        f" {statistics.N_RESAMPLES:,} resamples."
    )
    if table.tests:
        yield (
            "The recogniser that is best on validation was compared with each other one by a paired permutation test"
            f" of the UAR over {unit} [@fisher1935; @yeh2000; @phipson2010], two-sided, with at most"
            f" {statistics.N_RESAMPLES:,} swaps, and by McNemar's exact test over clips [@mcnemar1947], each corrected"
            f" after Holm [@holm1979]; the level is {LEVEL:.2f}."
        )
    if table.ranks:
        yield (
            f"Recognisers were ranked by the UAR of each of {table.ranks.n_speakers} speakers [@demsar2006] with"
            " Friedman's test [@friedman1937]; all pairs were compared by the permutation test, corrected after Holm,"
            " instead of by mean ranks [@benavoli2016]."
        )


def _software(facts: Sequence[Facts]) -> Iterator[str]:
    versions: dict[str, list[str]] = {}
    for one in facts:
        for name, version in one.versions.items():
            if version not in versions.setdefault(name, []):
                versions[name].append(version)
    commits = dict.fromkeys(one.git_commit[:10] for one in facts if one.git_commit)
    devices = dict.fromkeys(f"{one.device}, precision {one.precision}" for one in facts if one.device)
    said = ", ".join(f"{name} {' and '.join(found)}" for name, found in versions.items())
    code = f"ser-lab (commit {' and '.join(commits)})" if commits else "ser-lab"
    yield f"Software: {code}, PyTorch [@paszke2019]; {said}."
    if devices:
        yield f"Device: {'; '.join(devices)}."


def _rendered(text: str, escape: Escape, cite: Cite) -> str:
    parts = _CITED.split(text)  # text, keys, text, ...
    made = [
        cite(part.replace("@", "").split("; ")) if index % 2 else _words(part, escape)
        for index, part in enumerate(parts)
    ]
    return "".join(made)


def _words(text: str, escape: Escape) -> str:
    """Escaped, with the blanks at its ends, that escaping takes away."""
    before, after = " " * text.startswith(" "), " " * (text.endswith(" ") and bool(text.strip()))
    return f"{before}{escape(text)}{after}"
