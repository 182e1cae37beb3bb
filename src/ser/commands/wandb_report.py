"""`ser wandb-report`: a report on the W&B server, of a sweep or of the folds of a command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from ser.config.dotted import is_below, leaves
from ser.config.extras import need
from ser.errors import SerError
from ser.loggers.base import POOLED, TRAIN, score_on_test, score_on_validation
from ser.loggers.wandb import CONFUSION, EPOCH, LEARNING_CURVES, MISTAKES, TRAIN_LOSS, VAL_UAR
from ser.runs.folder import MAY_DIFFER
from ser.runs.names import MAIN_SCORES

EXAMPLES = """\b
Examples:
  ser wandb-report 2026-11-22/18-12-30-123456-sweep
  ser wandb-report 2026-11-22/18-12-30-123456-sweep --entity my-team

docs/logging.md tells how to log to W&B."""

CHOSEN_BY, TESTED = score_on_validation("uar"), score_on_test("uar")
SCORES = (CHOSEN_BY, *map(score_on_test, MAIN_SCORES))
WHOLE = [TRAIN, POOLED]  # kinds of jobs: not the single folds
# Of the configuration, what differs between runs without having been varied.
NOT_VARIED = (*MAY_DIFFER, "overrides", "protocol", "experiment", "choices.experiment")


@dataclass(frozen=True)
class LoggedRun:
    """A run as the server knows it: `id`, nested `config`, and `summary` by the names of the metrics."""

    id: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]


def varied(runs: Sequence[LoggedRun]) -> list[str]:
    """The settings that differ between the runs, by dotted names.

    A choice, such as choices.model, stands for the settings of its group that only one of its choices has.
    """
    known = [dict(leaves(run.config)) for run in runs]
    names = {name for run in known for name in run if not _is_left_out(name)}
    differing = {name for name in names if len({str(run.get(name)) for run in known}) > 1}
    chosen = {name.partition(".")[2] for name in differing if name.startswith("choices.")}
    everywhere = {name for name in names if all(name in run for run in known)}
    return sorted(
        name
        for name in differing
        if not name.endswith("._target_") and (name in everywhere or name.partition(".")[0] not in chosen)
    )


def best(runs: Sequence[LoggedRun]) -> LoggedRun | None:
    """The run with the highest validation UAR; None where no run has one."""
    scored = [run for run in runs if CHOSEN_BY in run.summary]
    return max(scored, key=lambda run: float(run.summary[CHOSEN_BY]), default=None)


def dashboard(runs: Sequence[LoggedRun], group: str, *, project: str, entity: str) -> Any:
    """The report, not saved yet.

    Args:
        runs: those of the group, but for the single folds.
        group: name of the sweep, or of the fold set.
        project, entity: where the runs are, and the report is to be.
    """
    import wandb_workspaces.reports.v2 as wr
    from wandb_workspaces import expr

    keys = varied(runs)

    member = expr.Or(expr.Metric("Group") == group, expr.Tags().isin([_tag(group)]))
    kinds = expr.Metric("JobType").isin(WHOLE)
    whole = wr.Runset(
        entity=entity,
        project=project,
        name=group,
        filters=expr.And(member, kinds),
        order=[wr.OrderBy(wr.SummaryMetric(CHOSEN_BY), ascending=False)],
        pinned_columns=["run:displayName", *(f"summary:{score}" for score in SCORES)],
        visible_columns=[_column(key) for key in keys],
    )
    columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(key)) for key in keys]
    columns += [wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(score)) for score in (CHOSEN_BY, TESTED)]
    panels: list[Any] = [
        wr.ParallelCoordinatesPlot(title="what was varied", columns=columns, layout=wr.Layout(w=24, h=10)),
        *(
            wr.BarPlot(
                title=f"{TESTED} by {key}",
                metrics=[wr.SummaryMetric(TESTED)],
                groupby=wr.Config(key),
                groupby_aggfunc="mean",
                groupby_rangefunc="minmax",
            )
            for key in keys
        ),
        wr.LinePlot(title="validation UAR", x=EPOCH, y=[VAL_UAR]),
        wr.LinePlot(title="training loss", x=EPOCH, y=[TRAIN_LOSS]),
    ]
    blocks: list[Any] = [wr.H1("Runs"), wr.PanelGrid(runsets=[whole], panels=panels)]
    chosen = best(runs)
    if chosen is not None:
        alone = wr.Runset(entity=entity, project=project, name="best", filters=expr.And(expr.Metric("ID") == chosen.id))
        pictures = [
            wr.MediaBrowser(title="confusion of the best run", media_keys=[CONFUSION]),
            wr.MediaBrowser(title="curves of the best run", media_keys=[LEARNING_CURVES]),
            wr.WeavePanelSummaryTable(table_name=MISTAKES, layout=wr.Layout(w=24, h=12)),
        ]
        blocks += [wr.H1("The best on validation"), wr.PanelGrid(runsets=[alone], panels=pictures)]
    return wr.Report(project=project, entity=entity, title=f"ser: {group}", blocks=blocks, width="fluid")


def fetch(group: str, *, project: str, entity: str) -> list[LoggedRun]:
    """The runs of a sweep or a fold set from the server, but for the single folds."""
    import wandb

    wanted = {
        "$or": [{"group": group}, {"tags": {"$in": [_tag(group)]}}],
        "jobType": {"$in": WHOLE},
    }
    return [LoggedRun(run.id, run.config, dict(run.summary)) for run in wandb.Api().runs(f"{entity}/{project}", wanted)]


@click.command("wandb-report", epilog=EXAMPLES)
@click.argument("group")
@click.option("--project", default="ser", show_default=True, envvar="WANDB_PROJECT", help="As logger.wandb.project.")
@click.option("--entity", help="As logger.wandb.entity; your own where it is not given.")
def command(group: str, project: str, entity: str | None) -> None:
    """Make a report on the W&B server of all runs of a sweep, or of all folds of a command.

    GROUP is the folder of the sweep or the run, from paths.outputs on.

    The report has a run table, parallel coordinates over what was varied, the score by each of these settings, learning
    curves, and confusions and mistakes of the best run on validation. An account is needed: wandb login.
    """
    need("ser wandb-report", "wandb_workspaces", extra="dashboard")
    import wandb

    try:
        owner = entity or str(wandb.Api().default_entity)
        runs = fetch(group, project=project, entity=owner)
        if not runs:
            raise SerError(f"no run of the group {group} in {owner}/{project}; is it synced?")
        report = dashboard(runs, group, project=project, entity=owner)
        report.save()
    except (wandb.errors.Error, OSError, ValueError) as error:
        raise SerError(f"W&B: {error}") from None
    print(report.url)


def _tag(group: str) -> str:
    """The tag of a sweep's runs: W&B takes 64 characters."""
    return group[-64:]


def _column(key: str) -> str:
    """A setting as the run table names it.

    >>> _column("optim.lr"), _column("seed")
    ('config:optim.value.lr', 'config:seed.value')
    """
    first, dot, rest = key.partition(".")
    return f"config:{first}.value{dot}{rest}"


def _is_left_out(name: str) -> bool:
    return name.startswith("_") or is_below(name, NOT_VARIED)
