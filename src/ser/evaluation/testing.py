"""A trained run tested on a corpus, and the test written down as a run would have left it."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ser.config.build import build
from ser.config.schema import Labels
from ser.corpora.base import Corpus, Utterance
from ser.corpora.mapping import LabelMap
from ser.corpora.reading import read_clips
from ser.evaluation.classes import in_common
from ser.evaluation.hearing import Material, answers, material
from ser.evaluation.trained import TrainedRun, in_corpus, namesakes
from ser.files import replacing
from ser.inference.answering import way_of
from ser.metrics import Floats
from ser.preparation import describe_corpus, leave_out_broken
from ser.runs.facts import CorpusFacts, Facts, Seconds, SplitFacts, Trained
from ser.runs.names import CONFIG, HYDRA
from ser.runs.predictions import predictions_of
from ser.runs.provenance import Provenance
from ser.runs.report import Evaluation, headline, write_report
from ser.runs.split import write_split
from ser.runs.status import FINISHED, Status
from ser.splits.audit import Audit, audit
from ser.splits.base import Split
from ser.splits.known import known_clips
from ser.splits.overlaps import shared_content
from ser.store.recordings import load_recordings

log = logging.getLogger("ser")

ACROSS = "across"  # the name of the protocol


@dataclass(frozen=True)
class Target:
    """What a run is to be tested on.

    Attributes:
        corpus: settings of the component.
        labels: by which the corpus's labels become others; None: by those of the run.
        choice: the word by which the corpus was chosen.
        store: the folder of all stores.
        command: that makes the test again.
    """

    corpus: Mapping[str, Any]
    labels: Labels | None
    choice: str
    store: Path
    command: str


def evaluate(run: TrainedRun, target: Target, folder: Path) -> Evaluation:
    """Test a run on all clips of a corpus whose emotion it knows, and leave the files of a run in `folder`.

    Raises:
        EvaluateError: fewer than two emotions are in common.
        SerError: something else that the user can mend.
        OSError: a file cannot be written.
    """
    started = time.monotonic()
    corpus: Corpus = build("corpus", target.corpus, Corpus)
    labels = target.labels or run.label_settings
    clips = read_clips(corpus, labels)
    for remark in filter(None, [corpus.notice, *clips.remarks]):
        log.warning("%s: %s", corpus.name, remark)
    utterances, label_map = in_common(clips, run.labels)
    if label_map:
        log.info("%s: %s", corpus.name, label_map.said)
    folder.mkdir(parents=True, exist_ok=True)
    heard = material(run.members, utterances, target.store)
    usable = leave_out_broken(utterances, heard.recordings, folder, write=True)
    there = [one for one in clips.whole if one.id not in heard.recordings.broken]
    for remark in [*corpus.remarks(there), *heard.recordings.about(usable)]:
        log.warning("%s: %s", corpus.name, remark)
    known = _known(run, usable)
    split, leaks, notice = _audited(run, usable, known, heard, target.store, corpus.name, is_mapped=bool(label_map))
    read = time.monotonic()
    probabilities = _heard(run, usable, heard, known)
    described = describe_corpus(corpus, usable, heard.recordings, label_map, clips.agreement)
    facts = _facts(run, target, split, leaks, described, label_map, notice)
    facts = replace(
        facts, seconds=replace(facts.seconds, audio=round(read - started, 1), test=round(time.monotonic() - read, 1))
    )
    _write_settings(folder, run, target, labels)
    write_split(folder, split)
    fitted = run.results.calibration.temperature if run.results.calibration else None
    evaluation = write_report(
        folder, facts, predictions_of(usable, run.labels, probabilities.astype("float32")), temperature=fitted
    )
    Status(FINISHED, round(time.monotonic() - started, 1)).write(folder)
    return evaluation


def _known(run: TrainedRun, clips: Sequence[Utterance]) -> list[Utterance]:
    """What is heard of each speaker beforehand, without labels, as in the run's own test; none: nobody is known."""
    if not any(member.recognizer.speakers for member in run.members):
        return []
    named = [one for one in clips if one.speaker]
    if len(named) < len(clips):
        log.warning(
            "normalize=speaker: %d of %d clips do not say who speaks; they are normalised as anybody's",
            *(len(clips) - len(named), len(clips)),
        )
    return known_clips(run.normalize, named, run.facts.split.seed)


def _heard(run: TrainedRun, clips: Sequence[Utterance], heard: Material, known: Sequence[Utterance]) -> Floats:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task(f"Hearing {run.folder.name}", total=len(run.members) * len(clips))
        return answers(run.members, clips, heard, known, lambda n: progress.advance(bar, n))


def _audited(
    run: TrainedRun,
    clips: Sequence[Utterance],
    known: Sequence[Utterance],
    heard: Material,
    store: Path,
    corpus: str,
    *,
    is_mapped: bool,
) -> tuple[Split, Audit, str]:
    """The test as a split, what it shares with the training, and what there is to say of a leak; empty: none."""
    named = [replace(one, speaker=in_corpus(one.speaker, corpus)) for one in clips]
    learnt = [one for one in run.train + run.val if one.path.is_file()]
    sample_rate, top_db = way_of(run.members[0].recognizer.feature)
    before = load_recordings(learnt, store, sample_rate=sample_rate, top_db=top_db)
    content = {one.id: one.id for one in run.train + run.val}  # whose recordings are gone is like nothing else
    comparable = [one for one in [*learnt, *named] if one.id in before.digests or one.id in heard.recordings.digests]
    digests, files = ({**getattr(before, name), **getattr(heard.recordings, name)} for name in ("digests", "files"))
    content |= shared_content(comparable, digests, files)
    split = Split(ACROSS, 1, 1, True, run.train, run.val, named, is_mapped)
    leaks = audit(split, content, known, run.normalize.emotion)
    ids = {test for _, test in leaks.identical}
    speaks = {one.id: one.speaker for one in [*run.train, *run.val, *named]}
    same = {speaks[learnt_from] or speaks[test] for learnt_from, test in leaks.identical}  # whatever they are called
    leaks = replace(
        leaks,
        shared_speakers=sorted({*leaks.shared_speakers, *filter(None, same)}),
        n_gone=len(run.train + run.val) - len(learnt),
        n_namesakes=len(
            namesakes(*({one.speaker for one in side if one.speaker} for side in (run.train + run.val, named)))
        ),
    )
    notice = ""
    if ids:
        notice = (
            f"LEAK: {len(ids)} of the {len(clips)} test clips were in the training, such as {min(ids)}: this is no"
            " result."
        )
    for remark in filter(None, [notice, leaks.about_speakers]):
        log.warning("%s", remark)
    return replace(split, test=list(clips)), leaks, notice


def _facts(
    run: TrainedRun,
    target: Target,
    split: Split,
    leaks: Audit,
    corpus: CorpusFacts,
    label_map: LabelMap | None,
    notice: str,
) -> Facts:
    """Those of the run, but for what is of its own test."""
    here, own = Provenance.here(), run.facts
    return replace(
        own,
        corpus=replace(corpus, notice=" ".join(filter(None, [notice, corpus.notice])) or None),
        git_commit=here.git_commit,
        versions=here.versions,
        seconds=Seconds(0.0, own.seconds.training, 0.0),
        split=SplitFacts.of(split, leaks, own.split.seed),
        audit=leaks,
        tta_views=None,
        chosen=None,
        ensemble=None,
        label_map=label_map,
        trained=Trained(
            run=str(run.folder),
            corpus=own.corpus.name,
            split=headline(run.results).partition("split=")[2],
            n_recognizers=len(run.members),
            command=target.command,
        ),
    )


def _write_settings(folder: Path, run: TrainedRun, target: Target, labels: Labels) -> None:
    """What the run was, but for what is tested; `trained` tells apart what was trained on different corpora."""
    own = {
        "corpus": dict(target.corpus),
        "labels": asdict(labels),
        "split": {"name": ACROSS},
        "trained": {"corpus": run.facts.corpus.name, "split": run.facts.split.name},
    }
    choices = {**run.choices, "corpus": target.choice, "labels": labels.name, "split": ACROSS}
    _write_yaml(folder / CONFIG, {**run.config, **own})
    _write_yaml(folder / HYDRA, {"hydra": {"runtime": {"choices": choices}}})


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        beside.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
