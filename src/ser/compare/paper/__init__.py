"""A comparison as a paper wants it: a folder of tables, figures, methods, references, and what makes it again."""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ser.compare import formats
from ser.compare.comparison import Table
from ser.compare.measures import NUMBERS
from ser.compare.paper import figures, methods, reproducibility, tables
from ser.errors import CompareError
from ser.files import replacing

SUMS = "SHA256SUMS"  # of all other files: what stands in it was written here, and `sha256sum -c` checks it
CAPTIONS = {
    "scores": "Test UAR of each row of {table}, with its 95\\,\\% interval; small dots: single trainings.",
    "confusion": "Confusion of row 1 of {table}, in per cent.",
    "ranks": "Mean ranks of the rows of {table} over speakers; bars join rows that are not told apart.",
    "curves": "Learning curves of the rows of {table}; a dot is the epoch kept.",
}


def write_paper(folder: Path, compared: Sequence[Table]) -> list[str]:
    """Write the folder.

    Args:
        folder: a new one, an empty one, or one that this wrote; what somebody changed there since is not touched.

    Returns:
        the names of the files written.

    Raises:
        CompareError: the folder holds what would be lost, or cannot be written to.
    """
    if any(table.rows[0].measure is NUMBERS for table in compared):
        raise CompareError("--paper: is of emotions, and here are runs of task=dimensions; leave those out")
    before = _written(folder)
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        _make(made, compared)
        files = {path.name: path.read_bytes() for path in sorted(made.iterdir())}
    for name, content in files.items():
        path = folder / name
        if path.exists() and _sum(path.read_bytes()) not in (before.get(name), _sum(content)):
            raise CompareError(f"--paper: {path} was changed and would be lost; name another folder, or move it away")
    files[SUMS] = "".join(f"{_sum(content)}  {name}\n" for name, content in files.items()).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as beside:
                beside.write_bytes(content)
        for name in before.keys() - files.keys():  # of an earlier comparison
            if (folder / name).is_file() and _sum((folder / name).read_bytes()) == before[name]:
                (folder / name).unlink()
    except OSError as error:
        raise CompareError(f"--paper: cannot write {folder} ({error.strerror or error}); name another folder") from None
    return list(files)


def _written(folder: Path) -> dict[str, str]:
    """The sums of what was written there before, by name."""
    if folder.exists() and not folder.is_dir():
        raise CompareError(f"--paper: {folder} is a file; name a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return {}
    if not (folder / SUMS).is_file():
        raise CompareError(f"--paper: {folder} holds other files; name a new folder, or one that --paper has written")
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: own for own, _, name in (line.partition("  ") for line in lines)}


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _make(folder: Path, compared: Sequence[Table]) -> None:
    texts = {
        "methods.tex": methods.tex(compared),
        "methods.md": methods.markdown(compared),
        "references.bib": Path(__file__).with_name("references.bib").read_text(encoding="utf-8"),
        "reproducibility.json": reproducibility.record(compared),
    }
    for number, table in enumerate(compared, start=1):
        texts[f"scores-{number}.tex"] = tables.scores(number, table)
        texts[f"scores-{number}.csv"] = formats.comma_separated([table])
        texts[f"recall-{number}.tex"] = tables.per_class(number, table)
        texts[f"per_class-{number}.csv"] = tables.per_class_csv(table)
        if table.tests:
            texts[f"tests-{number}.tex"] = tables.tests(number, table)
        figures.draw(folder, number, table)
    drawn = {path.stem for path in folder.iterdir()}
    texts["appendix.tex"] = _appendix(len(compared), texts, drawn)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8", errors="backslashreplace"))


def _appendix(n_tables: int, texts: Mapping[str, str], drawn: set[str]) -> str:
    """A document that can be typeset as it is, or cut up."""
    lines = [
        "% pdflatex appendix, bibtex appendix, pdflatex appendix (twice).",
        "% Names in other scripts than Latin need XeLaTeX or LuaLaTeX, and a font that has them.",
        r"\documentclass[10pt,a4paper]{article}",
        r"\usepackage[margin=2cm]{geometry}",
        r"\usepackage{booktabs,graphicx,iftex}",
        r"\iftutex\usepackage{fontspec}\fi",
        r"\setlength{\belowcaptionskip}{4pt}\sloppy",
        r"\begin{document}",
        r"\section*{Methods}",
        r"\input{methods}",
    ]
    for number in range(1, n_tables + 1):
        lines += [
            rf"\input{{{name}-{number}}}" for name in ("scores", "tests", "recall") if f"{name}-{number}.tex" in texts
        ]
        table = rf"table~\ref{{tab:scores-{number}}}"
        for name, caption in CAPTIONS.items():
            if f"{name}-{number}" in drawn:
                lines += [
                    r"\begin{figure}[t]\centering",
                    rf"\includegraphics{{{name}-{number}.pdf}}",
                    rf"\caption{{{caption.format(table=table)}}}",
                    r"\end{figure}",
                ]
    return "\n".join([*lines, r"\bibliographystyle{plain}", r"\bibliography{references}", r"\end{document}", ""])
