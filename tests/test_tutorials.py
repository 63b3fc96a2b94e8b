"""The tutorials run offline in a home that holds the chorales, and what they print is true."""

import json
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from dmm_core.data.registry import load_dataset
from dmm_core.data.uploads.reader import list_uploads
from dmm_core.music.midi import read_midi
from dmm_core.runs.store import list_runs

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "tutorials"
SCRIPTS = sorted(FOLDER.glob("*.py"))


class Ran(NamedTuple):
    """What a tutorial printed and the folder it was given."""

    said: str
    out: Path

    def numbers(self, pattern):
        """The numbers in the one line that `pattern` finds, which stand where it has #."""
        found = re.findall(re.escape(pattern).replace(r"\#", r"\s*([+-]?\d+(?:\.\d+)?)"), self.said)
        assert len(found) == 1, (pattern, found, self.said)
        return [float(n) for n in ([found[0]] if isinstance(found[0], str) else found[0])]


@pytest.fixture
def run(chorales_home, tmp_path):
    def run(name):
        out = tmp_path / "out"
        done = subprocess.run(
            [sys.executable, f"docs/tutorials/{name}.py", str(out)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""  # warnings stand there
        return Ran(done.stdout, out)

    return run


def test_forecast(run):
    ran = run("forecast")
    (model,) = ran.numbers("model: CRPS #, within")
    (persistence,) = ran.numbers("persistence: CRPS #, within")
    assert model < 0.8 * persistence and "The model forecasts" in ran.said
    found, bits = ran.numbers("network: R2 of the rates #, # bits")
    best, most = ran.numbers("true system: R2 of the rates #, # bits")
    assert found > 0.9 * best > 0.7 and bits > 0.9 * most > 0.2


def test_own_data(run):
    ran = run("own_data")
    assert "office.csv csv 240 sequences Read 5 binary features." in ran.said
    assert "model.z_dim is 0" in ran.said and "model.rnn is 'transformer'" in ran.said
    exact, coins = ran.numbers("exact NLL #, independent sensors #")
    office, error = ran.numbers("importance NLL # +- #\n")
    assert exact - 3 * error < office < exact + 0.25 * (coins - exact)
    (counted,) = ran.numbers(
        "comparison: after 1 h, heated rooms are # degrees warmer than the others"
    )
    model, truth = ran.numbers("after 1 h: model # degrees, truth #")
    assert truth == 2.0 and abs(model - truth) < min(0.8, abs(counted - truth))

    rooms, office = list_uploads()
    assert office.title == "An office" and rooms.title == "Heated rooms"
    assert (office.spec.kind, office.spec.x_dim, office.spec.missing) == ("binary", 5, True)
    assert (rooms.spec.kind, rooms.spec.u_dim, rooms.spec.missing) == ("real", 1, True)
    (kept,) = list_runs()
    assert kept.state() == "finished" and kept.id in ran.said
    splits = load_dataset(kept.config().data)
    assert kept.config().data.name == f"upload:{office.id}"
    assert [len(splits[s]) for s in ("train", "valid", "test")] == [192, 24, 24]


def test_probe_a_model(run):
    ran = run("probe_a_model")
    bounds = re.findall(r"^bwv\S+ +bound +(\S+) = nll (\S+) \+ kl (\S+)", ran.said, re.MULTILINE)
    assert len(bounds) == 6
    for bound, nll, kl in np.array(bounds, dtype=float):
        assert 4 < bound < 10 and abs(bound - nll - kl) < 0.02
    active, z_dim = ran.numbers("# of # latent dimensions are active")
    assert 10 < active <= z_dim == 64
    assert ran.numbers("reconstruction: frame accuracy #")[0] > 0.7

    def clash(pattern):
        return float(re.search(re.escape(pattern) + r" .*clashes (\d+)%", ran.said)[1])

    assert clash("Bach ") <= clash("x at 0.7") < clash("x at 1.0") < clash("x at 1.5")

    midi = read_midi((ran.out / "continuation.mid").read_bytes())
    assert ran.numbers("# notes in continuation.mid continuation.wav") == [len(midi.notes)]
    with wave.open(str(ran.out / "continuation.wav")) as wav:
        assert wav.getnframes() / wav.getframerate() > 48 * 60 / 90
        assert np.abs(np.frombuffer(wav.readframes(-1), np.int16)).max() > 1000

    for quarters in (1, 2, 4, 8):
        counted, model, truth = ran.numbers(
            f"{quarters} quarters without drugs: comparison # points, model #, truth #"
        )
        assert counted < 0 < model < truth + 10 and truth > 5

    bound, exact = ran.numbers("bound #, exact NLL # nats a frame")
    assert exact - 0.01 < bound < exact + 0.1
    network, smoother = ran.numbers("RMSE of z: network #, Kalman smoother #")
    assert network < 1.15 * smoother


def test_visualise(run):
    ran = run("visualise")
    names = {
        "continuations",
        "cost-of-frames",
        "elbo",
        "field-of-chorales",
        "field-of-swings",
        "kl-of-dimensions",
        "pianoroll",
        "posterior-path",
    }
    assert {path.stem for path in ran.out.glob("*.html")} == names
    for name in names:
        text = (ran.out / f"{name}.html").read_text()
        assert "Plotly.newPlot" in text and 'src="plotly.min.js"' in text
        assert not re.search(r'src="https?:', text)
    assert (ran.out / "plotly.min.js").stat().st_size > 1_000_000
    first, last = ran.numbers("train bound # -> # nats a frame")
    assert last < first
    fields = re.findall(
        r"(\d+) attracting and (\d+) other fixed points; .* and (\S+) out", ran.said
    )
    chorales, swings = np.array(fields, dtype=float)
    assert chorales[2] > 0.1  # a plane does not show 64 dimensions
    assert swings.tolist() == [0, 1, 0]
    period, truth = ran.numbers("period # frames, truth #")
    assert abs(period / truth - 1) < 0.1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_notebooks_in_the_percent_format(script):
    text = script.read_text()
    compile(text, script, "exec")
    assert text.startswith("# %% [markdown]\n# # ")
    cells = re.split(r"^# %%(?: \[markdown\])?$", text, flags=re.MULTILINE)
    assert len(cells) > 10
    for cell in text.split("# %% [markdown]\n")[1:]:
        prose = cell.split("# %%\n")[0].strip()
        assert all(line.startswith("#") for line in prose.splitlines()), prose


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_notebook_is_its_script_without_outputs(script):
    """`make notebooks` writes it anew."""
    notebook = json.loads(script.with_suffix(".ipynb").read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    cells = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines = (f"# {line}".rstrip() for line in source.splitlines())
            cells.append("# %% [markdown]\n" + "\n".join(lines))
        else:
            assert cell["outputs"] == [] and cell["execution_count"] is None
            cells.append(f"# %%\n{source}")
    compact = script.read_text().replace("\n\n\n# %%", "\n\n# %%")
    assert "\n\n".join(cells) + "\n" == compact


def test_the_tutorials_are_linked_and_described():
    further = (ROOT / "README.md").read_text().partition("## Further")[2]
    assert "](docs/tutorials/README.md)" in further
    page = (FOLDER / "README.md").read_text()
    assert {script.name for script in SCRIPTS} == {
        "forecast.py",
        "own_data.py",
        "probe_a_model.py",
        "visualise.py",
    }
    for script in SCRIPTS:
        assert f"]({script.name})" in page and f"]({script.stem}.ipynb)" in page
        assert f"python docs/tutorials/{script.name}" in page
