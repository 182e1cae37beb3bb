"""The report that `ser wandb-report` makes; nothing is sent."""

import json
import sys
from typing import Any

import pytest

from ser.commands import main
from ser.commands.wandb_report import LoggedRun, best, dashboard, varied

pytest.importorskip("wandb_workspaces")

GROUP = "2026-11-22/18-12-30-123456-sweep"


def logged(number: int, model: str, lr: float, seed: int, uar: float | None) -> Any:
    config = {
        "choices": {"model": model, "feature": "melspec"},
        "model": {"_target_": f"ser.models.{model}", "dropout": 0.2, **({"depth": 10} if model == "resnet" else {})},
        "optim": {"lr": lr},
        "seed": seed,
        "overrides": [f"seed={seed}"],
        "protocol": {"name": "random", "hash": "0"},
        "sweep": GROUP,
    }
    return LoggedRun(f"id{number}", config, {} if uar is None else {"validation/uar": uar, "test/uar": 1 - uar})


RUNS = [
    logged(0, "resnet", 0.1, 0, 0.4),
    logged(1, "crnn", 0.1, 1, 0.7),
    logged(2, "crnn", 0.01, 0, 0.6),
    logged(3, "crnn", 0.01, 0, None),
]


def test_what_was_varied_is_found() -> None:
    assert varied(RUNS) == ["choices.model", "optim.lr", "seed"]
    assert varied(RUNS[2:]) == []


def test_the_best_is_the_best_on_validation() -> None:
    assert best(RUNS).id == "id1"
    assert best(RUNS[3:]) is None


def test_the_report_has_its_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    from wandb_workspaces.reports.v2 import interface

    monkeypatch.setattr(interface, "_get_api", lambda: None)
    monkeypatch.setattr(interface, "execute_graphql", lambda *_: {"project": {"internalId": "1"}})
    report = dashboard(RUNS, GROUP, project="ser", entity="me")
    spec = json.loads(report._to_model().spec.model_dump_json(by_alias=True))
    grids = [block["metadata"] for block in spec["blocks"] if block["type"] == "panel-grid"]
    runs, one = grids
    panels = [panel for grid in grids for panel in grid["panelBankSectionConfig"]["panels"]]
    kinds = [panel["viewType"] for panel in panels]
    assert kinds.count("Bar Chart") == 3 and kinds.count("Run History Line Plot") == 2
    assert kinds.count("Parallel Coordinates Plot") == 1 and kinds.count("Media Browser") == 2
    [coordinates] = [panel["config"] for panel in panels if panel["viewType"] == "Parallel Coordinates Plot"]
    axes = [column["accessor"] for column in coordinates["columns"]]
    assert len(axes) == 5 and axes[0].startswith("config:choices") and axes[-1] == "summary:test/uar"
    text = json.dumps(runs["runSets"])
    assert "validation/uar" in text and "config:optim.value.lr" in text and "config:choices.value.model" in text
    [either, kinds] = runs["runSets"][0]["filters"]["filters"]
    assert [(each["key"]["name"], each["value"]) for each in either["filters"]] == [("group", GROUP), ("tags", [GROUP])]
    assert kinds["key"]["name"] == "jobType" and kinds["value"] == ["train", "pooled"]
    assert "id1" in json.dumps(one["runSets"])


def test_without_a_key_it_ends_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb

    def refused() -> None:
        raise wandb.errors.UsageError("No API key configured. Use `wandb login` to log in.")

    monkeypatch.setattr(wandb, "Api", refused)
    assert main(["wandb-report", GROUP]) == 1
    assert capsys.readouterr().err == "W&B: No API key configured. Use `wandb login` to log in.\n"


def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    assert main(["wandb-report", GROUP]) == 1
    assert 'pip install "ser-lab[dashboard]"' in capsys.readouterr().err


def test_a_group_without_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("ser.commands.wandb_report.fetch", lambda *_, **__: [])
    assert main(["wandb-report", GROUP, "--entity", "me"]) == 1
    assert capsys.readouterr().err == f"no run of the group {GROUP} in me/ser; is it synced?\n"
