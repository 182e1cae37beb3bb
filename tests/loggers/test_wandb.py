"""W&B without an account: offline runs, read back as W&B's own tools read them."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from ser.files import read_csv
from ser.loggers.base import FOLD, Job, say_once
from ser.loggers.wandb import _offline
from ser.runs.results import read_results
from tests.conftest import FAST, Command

FOLDS = ["split=kfold", "split.k=2", "split.fold=all"]


@dataclass(frozen=True)
class Logged:
    """An offline run: its records, and the summary that W&B makes of them."""

    folder: Path
    records: list[dict[str, Any]]

    @cached_property
    def summary(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(leet(self.folder, "--summary", "--json"))
        return made

    def of(self, kind: str) -> list[Any]:
        return [record[kind] for record in self.records if record["type"] == kind]

    @property
    def about(self) -> dict[str, Any]:
        [run] = self.of("run")[:1]
        return run

    @property
    def config(self) -> dict[str, Any]:
        return self.about["config"]["update"]

    @property
    def history(self) -> list[dict[str, Any]]:
        return [record["item"] for record in self.of("history")]

    @property
    def kept(self) -> dict[str, Path]:
        """What is to be sent as part of a table or an artifact, and where it lies."""
        contents = [content for artifact in self.of("artifact") for content in artifact["manifest"]["contents"]]
        return {content["path"]: Path(content["local_path"]) for content in contents}

    def table(self, name: str) -> list[dict[str, Any]]:
        [path] = [path for path in self.kept if path.endswith(f"{name}.table.json")]
        content = json.loads(self.kept[path].read_text(encoding="utf-8"))
        return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def leet(folder: Path, *flags: str) -> str:
    """What `wandb leet inspect` prints, which calls this program too, but imports all of W&B before."""
    from wandb.util import get_core_path

    [file] = folder.glob("*.wandb")
    program = [get_core_path(), "leet", "inspect", "--no-observability", *flags, "--run-file", file, folder.parent]
    return subprocess.run(program, capture_output=True, check=True, text=True).stdout


@cache
def inspect(folder: Path) -> Logged:
    """An offline run by its own folder."""
    return Logged(folder, [json.loads(line) for line in leet(folder, "--json").splitlines()])


def logged(run: Path) -> list[Logged]:
    """The offline runs of a run folder itself, the oldest first."""
    return [inspect(path.resolve()) for path in sorted(run.glob("wandb/offline-run-*"))]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody has logged in to W&B here."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wandb")


@pytest.fixture
def quick(command: Command, few: Path) -> Command:
    """`command`, on few clips."""
    return lambda *words: command(f"corpus.root={few}", *words)


@pytest.fixture
def once(quick: Command, folder: Path) -> Callable[..., tuple[Path, str]]:
    """`once(name, words)`: the folder and the output of a run that is made when it is asked for first."""

    def run(name: str, *words: str) -> tuple[Path, str]:
        said = folder / f"{name}.txt"
        if not said.exists():
            outcome = quick(*FAST, *words, f"hydra.run.dir={folder / name}", f"paths.outputs={folder}")
            assert outcome.code == 0, outcome.output
            assert not [name for name in os.environ if name in ("WANDB_MODE", "WANDB_DATA_DIR", "WANDB_RUN_ID")]
            said.write_text(outcome.output, encoding="utf-8")
        return folder / name, said.read_text(encoding="utf-8")

    return run


@pytest.fixture
def plain(once: Callable[..., tuple[Path, str]]) -> tuple[Path, str]:
    uploads = ["logger.wandb.checkpoint=true", "logger.wandb.predictions=true"]
    return once("plain", "logger=wandb", "seed=3", "logger.wandb.tags=[a tag]", "logger.wandb.n_mistakes=5", *uploads)


def test_without_a_key_it_goes_offline_and_says_so_in_one_line(plain: tuple[Path, str]) -> None:
    run, output = plain
    [line] = [line for line in output.splitlines() if "W&B" in line]
    assert line.startswith("no W&B key was found") and f"wandb sync {run / 'wandb'}" in line
    assert "wandb:" not in output


def test_where_offline_runs_lie_can_be_pasted_into_a_shell() -> None:
    job = Job(Path("my runs [1]/fold-0"), FOLD, "", None, [], Path("outputs"), {})
    runs = "'my runs [1]'"
    assert _offline(job) == f"{runs}/wandb/offline-run-* {runs}/fold-*/wandb/offline-run-*"


def test_a_run_is_named_and_described(plain: tuple[Path, str]) -> None:
    [one] = logged(plain[0])
    assert (one.about["project"], one.about["job_type"], one.about["tags"]) == ("ser", "train", ["a tag"])
    assert "run_group" not in one.about
    assert one.about["display_name"].startswith("resnet melspec ") and "seed=3" in one.about["display_name"]
    results = read_results(plain[0]).content()
    assert one.config["model"]["depth"] == 10 and one.config["choices"]["model"] == "resnet"
    assert one.config["corpus"]["name"] == "ravdess"
    assert one.config["corpus"]["fingerprint"] == results["corpus"]["fingerprint"]
    assert one.config["protocol"] == {
        key: results["split"][key] for key in ("name", "hash", "fold", "n_folds", "seed", "speaker_independent")
    }
    assert one.summary["state"] == "finished" and one.summary["exit_code"] == 0
    assert any("clips for training" in line or "val UAR" in line for line in map(str, one.of("output_logger")))


def test_every_epoch_is_there(plain: tuple[Path, str]) -> None:
    run, _ = plain
    [one] = logged(run)
    epochs = [item for item in one.history if "val/uar" in item]
    rows = read_csv(run / "history.csv")
    assert [item["epoch"] for item in epochs] == [1, 2]
    for item, row in zip(epochs, rows, strict=True):
        for name, column in {"train/loss": "train_loss", "val/uar": "val_uar", "val/loss": "val_loss"}.items():
            assert item[name] == pytest.approx(float(row[column]), abs=1e-5)
        assert item["lr"] == pytest.approx(float(row["lr"]), rel=0.01)
        assert item["grad_norm"] > 0 and item["clips_per_s"] > 0
    defined = {record["name"]: record for record in one.of("metric")}
    for name in ("val/uar", "val/accuracy", "val/macro_f1", "train/loss", "lr", "grad_norm", "clips_per_s"):
        assert defined[name]["step_metric"] == "epoch"
    best = one.summary["summary"]
    assert best["val/uar"] == {"max": max(item["val/uar"] for item in epochs)}
    assert best["val/loss"] == {"min": min(item["val/loss"] for item in epochs)}
    assert best["val/macro_f1"].keys() == best["val/accuracy"].keys() == {"max"}


def test_the_result_is_there(plain: tuple[Path, str]) -> None:
    run, _ = plain
    [one] = logged(run)
    results, summary = read_results(run).content(), one.summary["summary"]
    for name in ("uar", "accuracy", "macro_f1", "weighted_f1"):
        assert summary[f"test/{name}"] == results[name]
    assert {name: summary[f"validation/{name}"] for name in results["validation"]} == results["validation"]
    assert summary["figures/confusion"]["_type"] == summary["figures/curves"]["_type"] == "image-file"
    classes = {row["emotion"]: row for row in one.table("per_class")}
    assert classes["sad"]["recall"] == pytest.approx(results["per_class"]["sad"]["recall"])
    confusion = {(row["Actual"], row["Predicted"]): row["nPredictions"] for row in one.table("confusion_table")}
    for i, truth in enumerate(results["labels"]):
        for j, predicted in enumerate(results["labels"]):
            assert confusion[truth, predicted] == results["confusion"][i][j]


def test_the_worst_mistakes_can_be_heard_and_seen(plain: tuple[Path, str]) -> None:
    run, _ = plain
    [one] = logged(run)
    mistakes = one.table("mistakes")
    wrong = [row for row in read_csv(run / "predictions.csv") if row["emotion"] != row["predicted"]]
    most = sorted((float(row[f"p_{row['predicted']}"]) for row in wrong), reverse=True)
    assert [row["confidence"] for row in mistakes] == most[:5]
    for row in mistakes:
        for column, kind in {"audio": "audio-file", "spectrogram": "image-file"}.items():
            assert row[column]["_type"] == kind
            path = one.kept[row[column]["path"]]
            assert path.is_relative_to(run) and path.exists()


def test_checkpoint_and_predictions_are_artifacts(plain: tuple[Path, str]) -> None:
    [one] = logged(plain[0])
    contents = {
        artifact["type"]: {content["path"] for content in artifact["manifest"]["contents"]}
        for artifact in one.of("artifact")
    }
    assert contents["model"] == {"best.ckpt"}
    assert contents["predictions"] == {"predictions.csv", "split.csv", "metrics.json"}


def test_logging_changes_no_result(plain: tuple[Path, str], once: Callable[..., tuple[Path, str]]) -> None:
    unlogged, output = once("unlogged", "seed=3")
    for name in ("predictions.csv", "history.csv"):
        assert (unlogged / name).read_bytes() == (plain[0] / name).read_bytes()
    assert not (unlogged / "wandb").exists() and "W&B" not in output


def test_folds_are_one_group_with_a_summary(once: Callable[..., tuple[Path, str]]) -> None:
    run, output = once("folds", "epochs=1", *FOLDS, "logger=wandb", "logger.wandb.offline=true")
    [one], [two], [pooled] = (logged(run / part) for part in ("fold-1", "fold-2", "."))
    assert [each.about["run_group"] for each in (one, two, pooled)] == ["folds"] * 3
    assert [each.about["job_type"] for each in (one, two, pooled)] == ["fold", "fold", "pooled"]
    assert one.about["display_name"].endswith(" fold 1") and pooled.about["display_name"].endswith(" pooled")
    assert len({each.about["run_id"] for each in (one, two, pooled)}) == 3
    assert {each.summary["state"] for each in (one, two, pooled)} == {"finished"}
    results = read_results(run).content()
    assert pooled.summary["summary"]["test/uar"] == results["uar"]
    assert pooled.summary["summary"]["validation/uar"] == results["validation"]["uar"]
    assert pooled.summary["summary"]["folds"]["uar"]["std"] == pytest.approx(results["folds"]["uar"]["std"])
    assert pooled.config["protocol"]["fold"] == "all" and one.config["protocol"]["fold"] == 1
    assert output.count("W&B") == 1 and str(run / "fold-*" / "wandb") in output


def test_two_processes_are_one_run(once: Callable[..., tuple[Path, str]]) -> None:
    """And Lightning's own loggers are told by the main process alone too."""
    lightnings = "logger.mine._target_=pytorch_lightning.loggers.CSVLogger"
    run, _ = once("ddp", "epochs=1", "trainer=ddp", "trainer.accelerator=cpu", "logger=wandb", lightnings)
    [one] = logged(run)
    [epoch] = [item for item in one.history if "val/uar" in item]
    assert epoch["grad_norm"] > 0 and one.summary["state"] == "finished"
    [told] = run.rglob("version_*/metrics.csv")
    [value] = [row["val/uar"] for row in read_csv(told) if row["val/uar"]]
    assert float(value) == pytest.approx(epoch["val/uar"])


def test_a_sweep_is_a_group_and_an_id_from_outside_serves_its_first_run(
    quick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WANDB_RUN_ID": "given", "WANDB_NAME": "mine", "WANDB_RUN_GROUP": "g"}.items():
        monkeypatch.setenv(name, value)
    words = ["epochs=1", "model.depth=10,11", "seed=0,1", "logger=wandb", "hydra.sweep.dir=outputs/today/x-sweep"]
    outcome = quick(*FAST[1:-1], *words, "-m")
    sweep = Path("outputs/today/x-sweep")
    assert "model.depth" in outcome.output
    assert "not used: WANDB_RUN_GROUP (runs that belong together are the group today/x-sweep)" in outcome.output
    [one], [other] = (logged(sweep / number) for number in "01")
    assert (one.about["run_group"], one.about["tags"]) == ("today/x-sweep", ["today/x-sweep"])
    assert other.about["run_group"] == "today/x-sweep"
    assert one.config["sweep"] == "today/x-sweep" and "mine" in one.about["display_name"]
    assert "depth=10" in one.about["display_name"] and "seed=1" in other.about["display_name"]
    assert one.about["run_id"] == "given" != other.about["run_id"]
    assert not (sweep / "2" / "wandb").exists()  # refused before anything was begun


def test_a_run_that_fails_is_closed_as_failed_and_goes_on_under_its_id(
    quick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ser import experiment

    predict = experiment.predict

    def broken(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(experiment, "predict", broken)
    words = [*FAST, "logger=wandb", "hydra.run.dir=run"]
    assert quick(*words).code == 1
    [one] = logged(Path("run"))
    assert one.summary["state"] == "failed" and one.summary["exit_code"] == 1
    monkeypatch.setattr(experiment, "predict", predict)
    assert quick(*words, "resume=true", "logger.wandb.n_mistakes=0").code == 0
    _, two = logged(Path("run"))
    assert two.about["run_id"] == one.about["run_id"] and two.about["resume"]
    assert two.summary["state"] == "finished" and "test/uar" in two.summary["summary"]


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_the_mode_of_the_environment_is_kept(mode: str, quick: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    outcome = quick(*FAST[:-1], "epochs=1", "logger=wandb", "hydra.run.dir=run")
    assert outcome.code == 0 and "stopped" not in outcome.output
    assert len(logged(Path("run"))) == (mode == "offline")


def test_a_server_that_is_gone_costs_one_warning(quick: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from ser.loggers import wandb

    monkeypatch.setattr(wandb, "INIT_S", 2)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    outcome = quick(*FAST[:-1], "epochs=1", "logger=wandb", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("W&B cannot be reached") == 1 and "wandb sync" in outcome.output
    assert [one.summary["state"] for one in logged(Path("run"))][-1] == "finished"


REFUSALS = {
    "an unknown setting": (["+logger.wandb.nonsense=1"], "logger.wandb.nonsense: no such setting"),
    "a wrong type": (["logger.wandb.checkpoint=3"], "logger.wandb.checkpoint must be true or false"),
    "a project that W&B refuses": (["logger.wandb.project=a/b"], "logger.wandb.project: 1 to 128 characters"),
    "a tag that W&B refuses": (["logger.wandb.tags=['']"], "logger.wandb.tags: a tag has 1 to 64 characters"),
    "too many mistakes": (["logger.wandb.n_mistakes=1000"], "logger.wandb.n_mistakes must lie between"),
    "offline or not": (["logger.wandb.offline=maybe"], "logger.wandb.offline must be true or false; got 'maybe'"),
}


@pytest.mark.parametrize(("overrides", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals(overrides: list[str], said: str, command: Command) -> None:
    outcome = command("logger=wandb", *overrides, "hydra.run.dir=run")
    assert outcome.code == 1 and "Traceback" not in outcome.output
    assert any(line.startswith(said) for line in outcome.output.splitlines()), outcome.output


OUTSIDE = {"WANDB_PROJECT": "mine", "WANDB_NAME": "a name", "WANDB_TAGS": "x, y", "WANDB_DIR": "elsewhere"}


def test_wandb_s_own_variables_are_used_or_said(
    quick: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**OUTSIDE, "WANDB_RUN_ID": "given"}.items():
        monkeypatch.setenv(name, value)
    offline = ["logger=wandb", "logger.wandb.offline=true", "logger.wandb.n_mistakes=0"]
    outcome = quick(*FAST, "epochs=1", *offline, "logger.wandb.tags=[z]", "hydra.run.dir=run")
    assert outcome.code == 0 and "not used: WANDB_DIR (W&B's files lie in the run folder" in outcome.output
    [run] = logged(tmp_path / "run")
    told = {key: run.about[key] for key in ("project", "display_name", "run_id")}
    assert told == {"project": "mine", "display_name": "a name", "run_id": "given"}
    assert sorted(run.about["tags"]) == ["x", "y", "z"] and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("target", ["", "pytorch_lightning.loggers.WandbLogger"])
def test_an_id_from_outside_serves_one_of_several_folds(
    quick: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "given")
    say_once.cache_clear()
    ours = ["logger=wandb", "logger.wandb.offline=true", "logger.wandb.n_mistakes=0"]
    theirs = [f"logger.mine._target_={target}", "logger.mine.mode=offline"]
    outcome = quick(*FAST, "epochs=1", *FOLDS, "hydra.run.dir=run", *(theirs if target else ours))
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("WANDB_RUN_ID is for one run") == 1
    ids = [path.stem.removeprefix("run-") for path in sorted((tmp_path / "run").rglob("run-*.wandb"))]
    assert len(ids) == len(set(ids)) == (2 if target else 3) and ids.count("given") == (0 if target else 1)
    assert {path.stem for path in (tmp_path / "run").glob("wandb/*/run-*.wandb")} == (
        set() if target else {"run-given"}
    )
    assert os.environ["WANDB_RUN_ID"] == "given"
