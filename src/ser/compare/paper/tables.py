"""Tables of a paper: LaTeX for the packages booktabs and graphicx, and CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from ser import metrics
from ser.compare import formats
from ser.compare.comparison import Table
from ser.compare.rows import NONE, short
from ser.metrics import Floats
from ser.runs.report_tables import p_word

MOST_SETTINGS = 4  # columns beside the scores


def scores(number: int, table: Table) -> str:
    """The rows with their scores, intervals, and what they differ in, unless that is too much for a page."""
    n_settings = len(table.columns)
    hidden = range(1, n_settings + 1) if n_settings > MOST_SETTINGS else ()
    header = [name for place, name in enumerate(["row", *formats.header(table)[1:]]) if place not in hidden]
    lines = []
    for index in range(len(table.rows)):
        cells = [
            [short(line) for line in cell]
            for place, cell in enumerate(formats.cells(table, index))
            if place not in hidden
        ]
        for line in range(max(map(len, cells))):
            lines.append([cell[line] if line < len(cell) else "" for cell in cells])
    where = ["What the rows are is said in the text."] if hidden else []
    said = " ".join(
        [f"{table.heading}.", *where, formats.explained(table), *filter(None, [table.apart]), *table.remarks]
    )
    return _float(f"scores-{number}", header, lines, said)


def tests(number: int, table: Table) -> str:
    """The best row on validation against the others."""
    header = ["row", "UAR difference", "p", "p (Holm)", "clips", "p (McNemar, Holm)", "1 is"]
    lines = [
        [
            str(test.other),
            f"{test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}]",
            *(p_word(p).removeprefix("p ").removeprefix("= ") for p in (test.p, test.p_holm)),
            f"{test.only_best} : {test.only_other}",
            p_word(test.mcnemar_holm).removeprefix("p ").removeprefix("= "),
            test.verdict,
        ]
        for test in table.tests
    ]
    said = f"{formats.primary(table)[:-1]}. Clips: those that only row 1 : only the other named rightly."
    return _float(f"tests-{number}", header, lines, said)


def per_class(number: int, table: Table) -> str:
    """The recall of each emotion, in per cent, and the UAR, which is their mean."""
    header = ["row", *table.rows[0].labels, "UAR"]
    lines = []
    for index, each in enumerate(_per_class(table), start=1):
        recall = [f"{100 * one:.1f}" if n else NONE for one, n in zip(each["recall"], each["support"], strict=True)]
        lines.append([str(index), *recall, f"{100 * table.scores[index - 1]['uar'].value:.1f}"])
    return _float(f"recall-{number}", header, lines, f"{table.heading}: recall of each emotion, in per cent.")


def per_class_csv(table: Table) -> str:
    """Precision, recall and F1 (0 to 1) of each emotion, and its clips, by row."""
    lines: list[dict[str, Any]] = []
    for index, each in enumerate(_per_class(table), start=1):
        for place, emotion in enumerate(table.rows[0].labels):
            numbers = {name: float(values[place]) for name, values in each.items()}
            lines.append({"row": index, "emotion": emotion, **numbers, "support": round(numbers["support"])})
    file = io.StringIO()
    writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def _per_class(table: Table) -> list[dict[str, Floats]]:
    """Of each row, as its scores: a clip that several trainings tested is shared out among them."""
    return [metrics.per_class(row.confusions.sum(axis=0)) for row in table.rows]


def _float(label: str, header: Sequence[str], lines: Sequence[Sequence[str]], caption: str) -> str:
    r"""A table that is made narrower where it is wider than the text; \label is `tab:` and `label`."""
    body = [formats.latex_row(line) for line in lines]
    columns = "r" + "l" * (len(header) - 1)
    return (
        "\n".join(
            [
                r"\begin{table*}[t]",
                r"\centering\small",
                rf"\caption{{{formats.escaped(caption)}}}\label{{tab:{label}}}",
                r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
                rf"\begin{{tabular}}{{{columns}}}",
                *(r"\toprule", formats.latex_row(header), r"\midrule", *body, r"\bottomrule"),
                r"\end{tabular}}",
                r"\end{table*}",
                "",
            ]
        )
        .replace(" -0.", " $-$0.")
        .replace("[-0.", "[$-$0.")
    )
