"""A comparison as text, CSV, Markdown and LaTeX."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from ser.compare.comparison import Score, Table
from ser.compare.ranks import Ranks
from ser.compare.reading import LeftOut
from ser.compare.rows import NONE
from ser.runs.names import validation_column
from ser.runs.report_tables import p_word
from ser.runs.results import Spread

PRIMARY = (
    "1, the best on validation, against the others ({score} difference with its 95 % interval, by bootstrap over"
    " {unit}; paired permutation test over {unit}; p-values corrected after Holm):"
)
RANKED = (
    "Mean ranks over {n} speakers, by the UAR of each (1 is best; Friedman's test: chi-square {chi2:.1f}, {freedom}"
    " degrees of freedom, {p}):"
)
GROUPS = "Not told apart (paired permutation tests over speakers, all pairs; p-values corrected after Holm): {groups}."


def left_out_line(left_out: Sequence[LeftOut], n_runs: int) -> str:
    """Which runs are not compared, by the reason; empty where all are."""
    if not left_out:
        return ""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.reason, []).append(str(one.folder))
    reasons = [f"{reason} ({len(folders)}): {', '.join(folders)}" for reason, folders in by_reason.items()]
    return f"left out: {len(left_out)} of {n_runs} runs; {'; '.join(reasons)}"


def header(table: Table) -> list[str]:
    """The columns that a reader sees."""
    words = table.words
    return ["", *table.columns, "runs", f"validation {main_word(table)}", *(f"test {word}" for word in words.values())]


def main_word(table: Table) -> str:
    """The word for the score that counts."""
    return next(iter(table.words.values()))


def primary(table: Table) -> str:
    """What stands above the tests."""
    return PRIMARY.format(unit=table.unit, score=main_word(table))


def explained(table: Table) -> str:
    """What the brackets in the cells mean."""
    said = f"In square brackets the 95 % interval, by bootstrap over {table.unit}."
    if any(len(row.trainings) > 1 for row in table.rows):
        said += " In round brackets mean ± standard deviation over the runs."
    return said


def ranked(ranks: Ranks) -> str:
    """What stands above mean ranks."""
    return RANKED.format(n=ranks.n_speakers, chi2=ranks.chi2, freedom=len(ranks.mean) - 1, p=p_word(ranks.p))


def ranks_line(ranks: Ranks) -> str:
    """Each row's mean rank, the best first."""
    return "; ".join(f"{index + 1}: {ranks.mean[index]:.2f}" for index in ranks.order)


def groups_line(ranks: Ranks) -> str:
    """Which rows are not told apart."""
    groups = [", ".join(str(index + 1) for index in group) for group in ranks.groups]
    return GROUPS.format(groups="; ".join(f"{{{group}}}" for group in groups) or "none")


def cells(table: Table, index: int) -> list[list[str]]:
    """A row for a reader: the lines of each cell."""
    row, scores = table.rows[index], table.scores[index]
    several = len(row.trainings) > 1
    return [
        [str(index + 1)],
        *([values[index]] for values in table.columns.values()),
        [str(len(row.trainings))],
        [_spread(row.validation, several)],
        *(_score(scores[name], several) for name in table.words),
    ]


def _spread(spread: Spread | None, several: bool) -> str:
    if spread is None:
        return NONE
    return f"{spread.mean:.3f} ± {spread.std:.3f}" if several else f"{spread.mean:.3f}"


def _score(score: Score, several: bool) -> list[str]:
    lines = [f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"]
    return [*lines, f"({_spread(score.spread, several)})"] if several else lines


def folders(paths: Iterable[Path]) -> str:
    """Run folders in a line, those beside each other together.

    >>> folders([Path("a/0"), Path("a/1"), Path("b")])
    'a/{0,1} b'
    """
    beside: dict[Path, list[str]] = {}
    for path in paths:
        beside.setdefault(path.parent, []).append(path.name)
    return " ".join(
        str(parent / (names[0] if len(names) == 1 else f"{{{','.join(names)}}}")) for parent, names in beside.items()
    )


def text(tables: Sequence[Table], left_out: str) -> str:
    """For a terminal: columns stand straight, whatever the script."""
    lines: list[str] = []
    for table in tables:
        lines += [printable(table.heading), *filter(None, [printable(table.apart)]), "", *_grid(table), ""]
        lines += [explained(table), *map(printable, table.remarks)]
        if table.tests:
            lines += ["", primary(table), *(f"  {test.sentence}" for test in table.tests)]
        if table.ranks:
            lines += ["", ranked(table.ranks), f"  {ranks_line(table.ranks)}", groups_line(table.ranks)]
        lines += ["", "run folders:"]
        for number, row in enumerate(table.rows, start=1):
            lines.append(printable(f"  {number}: {folders(run.folder for run in row.runs)}"))
        lines += ["", ""]
    lines += [printable(left_out)] if left_out else []
    return "\n".join(lines).rstrip() + "\n"


def printable(line: str) -> str:
    """Without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in line)


def _grid(table: Table) -> list[str]:
    rows = [[[name] for name in header(table)], *(cells(table, index) for index in range(len(table.rows)))]
    rows = [[[printable(line) for line in cell] for cell in row] for row in rows]
    widths = [max(cell_len(line) for row in rows for line in row[column]) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        for number in range(max(map(len, row))):
            line = [cell[number] if number < len(cell) else "" for cell in row]
            padded = (word + " " * (width - cell_len(word)) for word, width in zip(line, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
    return lines


def markdown(tables: Sequence[Table], left_out: str) -> str:
    """Tables in GitHub's Markdown."""
    lines: list[str] = []
    for table in tables:
        lines += [f"**{marked(table.heading)}**", ""]
        lines += [marked(table.apart), ""] if table.apart else []
        names = header(table)
        lines += [_row(names, marked), "|" + "---|" * len(names)]
        lines += [_row([" ".join(cell) for cell in cells(table, index)], marked) for index in range(len(table.rows))]
        lines += ["", marked(" ".join([explained(table), *table.remarks])), ""]
        if table.tests:
            items = [f"- {marked(test.sentence)}" for test in table.tests]
            lines += [marked(primary(table)), "", *items, ""]
        if table.ranks:
            said = [ranked(table.ranks), f"{ranks_line(table.ranks)}.", groups_line(table.ranks)]
            lines += [marked(" ".join(said)), ""]
    lines += [marked(left_out)] if left_out else []
    return "\n".join(lines).rstrip() + "\n"


def _row(words: Sequence[str], escape: Callable[[str], str]) -> str:
    return f"| {' | '.join(map(escape, words))} |"


def marked(word: str) -> str:
    r"""
    >>> print(marked("my_clips|<b>*"))
    my\_clips\|\<b\>\*
    """
    return re.sub(r"([\\`*_{}\[\]<>|~#])", r"\\\1", " ".join(word.split()))


def latex(tables: Sequence[Table], left_out: str) -> str:
    r"""Tables for \usepackage{booktabs}; names in other scripts need XeLaTeX or LuaLaTeX."""
    lines: list[str] = []
    for table in tables:
        names = header(table)
        lines += [f"% {_comment(line)}" for line in (table.heading, table.apart, *table.remarks) if line]
        lines += [rf"\begin{{tabular}}{{{'l' * len(names)}}}", r"\toprule", latex_row(names), r"\midrule"]
        lines += [latex_row([" ".join(cell) for cell in cells(table, index)]) for index in range(len(table.rows))]
        lines += [r"\bottomrule", r"\end{tabular}"]
        lines += [f"% {_comment(test.sentence)}" for test in table.tests]
        if table.ranks:
            lines += [f"% {line(table.ranks)}" for line in (ranked, ranks_line, groups_line)]
        lines += [""]
    lines += [f"% {_comment(left_out)}"] if left_out else []
    return "\n".join(lines).rstrip() + "\n"


def _comment(line: str) -> str:
    return " ".join(line.split())


def latex_row(words: Sequence[str]) -> str:
    return " & ".join(map(escaped, words)) + r" \\"


_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$", NONE: "--"},
}


def escaped(word: str) -> str:
    r"""
    >>> print(escaped("model.hop_s 50 % ± \\"))
    model.hop\_s 50 \% $\pm$ \textbackslash{}
    """
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(word.split()))


def comma_separated(tables: Sequence[Table]) -> str:
    """CSV for a program: a line a row of any table, every number in a column of its own, paths as they are."""
    settings = list(dict.fromkeys(name for table in tables for name in table.columns))
    lines = [
        {
            "table": number,
            "row": index + 1,
            **{name: table.rows[index].protocol[name] for name in ("corpus", "split")},
            **{name: table.columns[name][index] if name in table.columns else "" for name in settings},
            **_numbers(table, index),
        }
        for number, table in enumerate(tables, start=1)
        for index in range(len(table.rows))
    ]
    file = io.StringIO()
    names = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def _numbers(table: Table, index: int) -> dict[str, Any]:
    row, scores = table.rows[index], table.scores[index]
    main = validation_column(table.rows[0].measure.main)
    values: dict[str, Any] = {
        "runs": len(row.trainings),
        "n_test": len(row.clips),
        main: row.validation.mean if row.validation else "",
        f"{main}_std": row.validation.std if row.validation else "",
    }
    for name, score in scores.items():
        values |= {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}
        values |= {f"{name}_mean": score.spread.mean, f"{name}_std": score.spread.std}
    test = table.tests[index - 1] if index and table.tests else None
    for name in ("difference", "low", "high", "p", "p_holm", "mcnemar", "mcnemar_holm"):
        column = name if name == "difference" or name[0] in "pm" else f"difference_{name}"
        values[column] = getattr(test, name) if test else ""
    values["best_is"] = test.verdict if test else ""
    values["folders"] = os.pathsep.join(str(run.folder) for run in row.runs)
    return values
