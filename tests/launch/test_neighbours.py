"""Another Hydra program in an environment where ser is installed works as it does without."""

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

APP = """
import os
import sys
import hydra

@hydra.main(version_base=None, config_path=None)
def app(cfg):
    # In one piece: two processes of joblib speak at once.
    os.write(1, f"a = {cfg.a} {sorted({'ser', 'torch', 'torchaudio'} & sys.modules.keys())}\\n".encode())

app()
print("hydra_plugins.ser_sweepers" in sys.modules, sorted({"ser", "torch", "torchaudio"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("words", "values"),
    [(["+a=1"], [1]), (["-m", "+a=1,2"], [1, 2]), (["-m", "+a=1,2", "hydra/launcher=joblib"], [1, 2])],
)
def test_a_foreign_app_is_left_alone(words: list[str], values: list[int], tmp_path: Path) -> None:
    if "hydra/launcher=joblib" in words:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    Path(tmp_path, "app.py").write_text(APP, encoding="utf-8")
    done = subprocess.run([sys.executable, "app.py", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert sorted(line for line in said if line.startswith("a =")) == [f"a = {value} []" for value in values]
    assert said[-1] == "True []", "Hydra has found our plugins, and still nothing of ours is imported"
    if "-m" in words:
        [written] = tmp_path.glob("multirun/*/*/multirun.yaml")
        sweeper = OmegaConf.load(written).hydra.sweeper
        assert sweeper._target_ == "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
