"""`ser report`: the pages of runs made again."""

import json
import re
from pathlib import Path

import pytest

from ser.commands import main, report
from ser.report.page import write_page
from tests.compare.made import make_run
from tests.report import made

pytestmark = pytest.mark.usefixtures("no_figures")


def test_all_is_made_again_from_the_folder_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "elsewhere", fold="all").rename(tmp_path / "run")
    before = {name: (run / name).read_bytes() for name in ("metrics.json", "report.txt")}
    made.say(run, remove=("intervals", "baselines", "breakdown", "gaps", "calibration"))  # as of an earlier version
    (run / "report.txt").unlink()
    assert main(["report", str(run)]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(rf"{re.escape(str(run / 'report.html'))}  \d\.\d MB in \d+\.\d s\n", said)
    assert {name: (run / name).read_bytes() for name in before} == before
    assert "95&nbsp;% interval" in (run / "report.html").read_text(encoding="utf-8")


def test_of_a_sweep_each_run_has_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "012":
        make_run(tmp_path / name)
    (tmp_path / "1" / "metrics.json").unlink()
    content = json.loads((tmp_path / "2" / "metrics.json").read_text())
    content["calibration"] = {"before": 1}
    (tmp_path / "2" / "metrics.json").write_text(json.dumps(content))
    assert main(["report", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and (tmp_path / "0" / "report.html").exists()
    first, second = said.err.splitlines()
    assert first == f"{tmp_path / '1'}: the run has not come to a result; go on with it by resume=true"
    assert second.startswith(str(tmp_path / "2")) and "metrics.json is damaged" in second


def test_whatever_is_odd_in_a_run_the_others_have_their_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(folder: Path) -> Path:
        if folder.name == "0":
            raise ZeroDivisionError("division by zero")
        return write_page(folder)

    for name in "01":
        make_run(tmp_path / name)
    monkeypatch.setattr(report, "write_page", odd)
    assert main(["report", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith(str(tmp_path / "1" / "report.html"))
    assert said.err == f"{tmp_path / '0'}: no page can be made (ZeroDivisionError: division by zero)\n"


def test_a_folder_without_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"no run lies in {tmp_path}; name run folders")
