"""A user's mistakes: one message that names the thing and the way out, and no traceback."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import FAST, Command

MISTAKES = {
    "missing folder": (["corpus.root=nowhere"], ["corpus.root", "nowhere", "corpus=demo"]),
    "empty folder": (["corpus.root=."], ["no speech clip", "corpus.root="]),
    "misspelt group choice": (["model=resnett"], ["model=resnett", "choose from", "resnet"]),
    "misspelt experiment": (["experiment=assignment"], ["experiment=assignment", "assignment1_improved"]),
    "misspelt override": (["model.dept=18"], ["model.dept", "did you mean model.depth?"]),
    "misspelt top-level key": (["sed=1"], ["sed", "did you mean seed?"]),
    "added key": (["+model.colour=1"], ["model.colour", "no such setting", "depth"]),
    "added top-level key": (["+sed=1"], ["sed", "no such setting", "seed"]),
    "added key in a typed section": (["+loss.smoothing=1"], ["loss.smoothing", "no such setting"]),
    "wrong type at the top": (["seed=abc"], ["seed", "abc"]),
    "wrong type in a component": (["model.width=wide"], ["model.width must be a whole number", "wide"]),
    "a number for a list": (
        ["model=crnn", "model.pools=2"],
        ["model.pools must be a list: [a whole number, ...]; got 2"],
    ),
    "too few heads' worth": (
        ["model=transformer", "model.size=30"],
        ["model.size must be a multiple of heads=4"],
    ),
    "wrong choice": (["model.depth=19"], ["model.depth", "10, 18, 34, 50", "19"]),
    "out of range": (["augment.mixup=-1"], ["augment.mixup", "between"]),
    "no GPU": (["trainer=gpu"], ["trainer=auto"]),
    "more folds than speakers": (["split=speaker", "split.k=9"], ["split.k", "speakers (4)"]),
    "no such fold": (["split.fold=7"], ["split.fold must be 1 to", "7"]),
    "published folds of other speakers": (["split=emobox"], ["emobox", "missing: 05", "split=speaker"]),
    "output folder is a file": (["paths.outputs=file"], ["paths.outputs", "file"]),
    "store is a file": (["paths.store=file", "paths.outputs=."], ["paths.store", "file"]),
    "not an override": (["resnet"], ["resnet", "--help"]),
    "nothing chosen": (["model=null"], ["model"]),
    "a group taken away": (["~model"], ["model"]),
    "several values without -m": (["model.depth=10,18"], ["model.depth=10,18", "multirun"]),
    "special characters": (["corpus.root=a(1)"], ["no folder a(1)"]),
    "a name in Japanese": (["corpus.root=録音/感情 1"], ["no folder 録音/感情 1"]),
    "brackets": (["corpus.root=[a"], ["no folder [a"]),
    "half precision on a CPU": (["trainer=cpu", "trainer.precision=16-mixed"], ["trainer.precision", "GPU"]),
    "smoothing with nll": (["loss.name=nll"], ["loss.label_smoothing", "cross_entropy"]),
}


@pytest.mark.parametrize(("overrides", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_ends_in_one_message(overrides: list[str], said: list[str], command: Command) -> None:
    Path("file").write_text("in the way")
    if not any(override.startswith("paths.") for override in overrides):
        overrides = [*overrides, "hydra.run.dir=run"]
    outcome = command(*overrides)
    assert outcome.code == 1
    assert "Traceback" not in outcome.output and "Error executing" not in outcome.output
    for words in said:
        assert words in outcome.output


def test_a_class_with_one_clip_is_named(command: Command, speech: Path, tmp_path: Path) -> None:
    shutil.copytree(speech, tmp_path / "corpus")
    for clip in sorted((tmp_path / "corpus").rglob("03-01-02-*.wav"))[1:]:
        clip.unlink()
    outcome = command("corpus.root=corpus", "split=random", "hydra.run.dir=run", *FAST)
    assert outcome.code == 1 and "calm has 1" in outcome.output and "Traceback" not in outcome.output


def test_a_corpus_of_broken_clips_only(command: Command, speech: Path, tmp_path: Path) -> None:
    shutil.copytree(speech, tmp_path / "corpus")
    for clip in (tmp_path / "corpus").rglob("*.wav"):
        clip.write_text("not audio")
    outcome = command("corpus.root=corpus", "hydra.run.dir=run", *FAST)
    assert outcome.code == 1 and "Traceback" not in outcome.output
    assert "none of the 240 clips can be used" in outcome.output and "cannot be read as audio" in outcome.output
