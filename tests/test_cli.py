"""The command line: what is asked wrongly ends in one line that says why, and in exit status 2."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from drawn import CHAPTER
from pydantic import ValidationError

from gasp import cli
from gasp.data.scenes import SceneSettings
from gasp.experiments.profile import load_profile
from gasp.files import write_tensors
from gasp.learning.checkpoint import steps_done
from gasp.settings import GaspError
from gasp.tools.doctor import Finding
from gasp.tools.faults import MUST_BE_ZERO

pytestmark = pytest.mark.usefixtures("chapter")
GASP = Path(sys.executable).with_name("gasp")
COMMANDS = {
    "gasp": [GASP],
    "python -m gasp": [sys.executable, "-m", "gasp"],
    "python -m gasp.cli": [sys.executable, "-m", "gasp.cli"],
}
TRAINING = """\
import gasp

settings = gasp.load_profile(profile, **overrides)
len(gasp.run_all(settings.experiments(["multi_mnist"], ["cnn"]), settings))
"""


@pytest.fixture
def chapter(project) -> Path:
    """A project with two chapters: one that computes nothing, and one that trains."""
    (project / "book" / "00_quick.py").write_text(CHAPTER + "1 + 1\n")
    (project / "book" / "01_training.py").write_text(CHAPTER + TRAINING)
    return project


@pytest.fixture
def gasp(monkeypatch, capfd):
    """Call the command; its exit status and the lines that it wrote to stdout and to stderr."""

    def call(*arguments: str) -> tuple[int, list[str], list[str]]:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        monkeypatch.setattr(sys, "argv", ["gasp", *arguments])
        capfd.readouterr()
        try:
            cli.main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        out, error = capfd.readouterr()
        return status, out.splitlines(), error.splitlines()

    return call


def replace(project: Path, old: str, new: str) -> None:
    path = project / "book" / "profiles" / "tiny.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


TINY = ("--profile", "tiny")
WRONG = {
    "unknown profile": (["run", "--profile", "tin"], "unknown profile 'tin': there are tiny"),
    "a path in place of a profile": (["run", "--profile", "../profiles/tiny"], "unknown profile '../profiles/tiny'"),
    "unknown profile to check": (["check", "--profile", "tin"], "unknown profile 'tin'"),
    "unknown profile to build": (["build", "--profile", "tin"], "unknown profile 'tin'"),
    "unknown chapter": (["run", "07", *TINY], "no chapter '07': there are 00_quick, 01_training"),
    "unknown chapter to check": (["check", "quik", *TINY], "no chapter 'quik'"),
    "parameter without =": (["run", *TINY, "-p", "epochs"], "parameter 'epochs' must be NAME=VALUE"),
    "parameter without name": (["run", *TINY, "-p", "=2"], "unknown parameter ''"),
    "parameter without value": (["run", *TINY, "-p", "epochs="], "training.epochs: "),
    "parameter that is no YAML": (["run", *TINY, "-p", "scales=[1"], "not YAML"),
    "never executed": (["check", *TINY], "00_quick is pending"),
    "nothing to build": (["build", *TINY], "gasp book run --profile tiny"),
}


@pytest.mark.parametrize(("arguments", "complaint"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_ends_in_one_line_and_status_2(arguments, complaint, gasp):
    status, _, error = gasp("book", *arguments)
    assert status == 2
    assert len(error) == 1
    assert error[0].startswith("gasp: ")
    assert complaint in error[0]


RUNS = {
    "unknown data set": (["--dataset", "nowhere"], "profile tiny has no data set 'nowhere', but multi_mnist"),
    "unknown variant": (["--variant", "rnn"], "unknown variant 'rnn': did you mean cnn?"),
    "a variant that is not in the grid": (
        ["--variant", "komplexnet"],
        "no such runs in its grid (for a study, add --study NAME): see gasp experiments list --profile tiny",
    ),
    "a seed that is not in the grid": (["--seed", "7"], "profile tiny has no such runs"),
    "unknown profile": (["--profile", "tin"], "unknown profile 'tin': there are tiny"),
}


@pytest.mark.parametrize("command", ["list", "run", "status"])
@pytest.mark.parametrize(("arguments", "complaint"), RUNS.values(), ids=RUNS)
def test_runs_that_cannot_be_end_in_one_line_and_status_2(command, arguments, complaint, gasp, chapter):
    status, out, error = gasp("experiments", command, *TINY, *arguments)
    assert (status, out, len(error)) == (2, [], 1)
    assert error[0].startswith("gasp: ")
    assert complaint in error[0]
    assert not (chapter / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        ([], {"cnn": "0, 1", "gaspnet": "0, 1"}),
        (["--variant", "gaspnet", "--variant", "cnn"], {"cnn": "0, 1", "gaspnet": "0, 1"}),
        (["--seed", "1", "--seed", "5"], {"cnn": "1", "gaspnet": "1"}),
        (["-p", "seeds=[3, 2, 7]", "--seed", "2", "--seed", "7"], {"cnn": "2, 7", "gaspnet": "2, 7"}),
    ],
    ids=" ".join,
)
def test_the_list_has_a_row_per_data_set_and_variant(arguments, listed, gasp):
    labels = {"cnn": "CNN, same layers", "gaspnet": "GASPnet"}
    status, out, error = gasp("experiments", "list", *TINY, *arguments)
    assert (status, error) == (0, [])
    *table, total = out
    assert rows(table) == [["multi_mnist", variant, seeds, labels[variant]] for variant, seeds in listed.items()]
    assert total == f"runs: {sum(len(seeds.split(', ')) for seeds in listed.values())}"


def test_the_runs_of_a_study_are_shown_apart_from_the_grid_and_from_those_of_another_study(gasp, write):
    study = {"question": "How many?", "datasets": ["multi_mnist"], "epochs": 1, "runs": [{"variant": "gaspnet"}]}
    write(studies={"steps": study | {"seeds": [0, 1]}, "length": study | {"epochs": 2}})
    *table, total = gasp("experiments", "list", *TINY)[1]
    assert rows(table)[1:] == [
        ["multi_mnist", "gaspnet", "0, 1", "GASPnet"],
        ["multi_mnist", "gaspnet", "0, 1", "study steps"],
        ["multi_mnist", "gaspnet", "0", "study length"],
    ]
    assert total == "runs: 7"
    assert [row[2:] for row in rows(gasp("experiments", "status", *TINY)[1][:-1])[1:]] == [
        ["0 of 2 done"],
        ["0 of 2 done", "steps"],
        ["0 of 1 done", "length"],
    ]
    assert gasp("experiments", "list", *TINY, "--study", "steps")[1][-1] == "runs: 2"


def test_a_run_of_two_studies_is_shown_under_the_one_that_is_asked_for(gasp, write):
    study = {"question": "How many?", "datasets": ["multi_mnist"], "epochs": 1, "runs": [{"variant": "gaspnet"}]}
    write(studies={"steps": study, "again": study})
    for name in ("steps", "again"):
        assert rows(gasp("experiments", "list", *TINY, "--study", name)[1][:-1])[0][-1] == f"study {name}"
        assert rows(gasp("experiments", "status", *TINY, "--study", name)[1][:-1])[0][-1] == name


def rows(table: list[str]) -> list[list[str]]:
    """The cells of a printed table, without its header."""
    return [re.split(r"\s{2,}", line.strip()) for line in table[1:]]


def cells(out: list[str]) -> dict[str, str]:
    """What a status says of each variant, and of all."""
    *table, total = out
    return {variant: state for _, variant, state in rows(table)} | {"all": total}


def test_status_counts_what_was_trained_and_tested(gasp):
    profile = load_profile("tiny")
    cnn, gaspnet = (profile.experiment("multi_mnist", variant, 1) for variant in ("cnn", "gaspnet"))
    nothing = {"cnn": "0 of 2 done", "gaspnet": "0 of 2 done", "all": "done: 0 of 4"}
    assert cells(gasp("experiments", "status", *TINY)[1]) == nothing
    write_tensors(profile.store.weights(cnn.weights_name), {}, {})
    record = {"identity": gaspnet.weights_name, "groups": [], "schedule": {}, "done": 3, "running": {}, "history": []}
    write_tensors(profile.store.checkpoint(gaspnet.weights_name), {}, record)
    found = {"cnn": "0 of 2 done, seed 1 trained, not tested", "gaspnet": "0 of 2 done, seed 1 at 75%", "all": "done: 0 of 4"}
    assert cells(gasp("experiments", "status", *TINY)[1]) == found
    assert cells(gasp("experiments", "status", *TINY, "--seed", "0")[1])["all"] == "done: 0 of 2"


def test_a_damaged_checkpoint_is_named_and_hides_no_other_run(gasp):
    profile = load_profile("tiny")
    checkpoint = profile.store.checkpoint(profile.experiment("multi_mnist", "cnn", 1).weights_name)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"half of it")
    found = cells(gasp("experiments", "status", *TINY)[1])
    assert found == {"cnn": "0 of 2 done, seed 1 has a damaged checkpoint", "gaspnet": "0 of 2 done", "all": "done: 0 of 4"}


def test_what_is_run_is_done_and_not_run_again(gasp, chapter):
    results = chapter / "runs" / "tiny" / "results"
    status, out, error = gasp("experiments", "run", *TINY, "--variant", "cnn", "--seed", "0")
    assert (status, out) == (0, [f"done: 1 of 1, in {results}"])
    assert any("training and testing, 1 to do" in line for line in error)
    written = {path: path.stat().st_mtime_ns for path in results.iterdir()}
    assert {path.suffix for path in written} == {".csv", ".json", ".npz"}
    found = {"cnn": "1 of 2 done", "gaspnet": "0 of 2 done", "all": "done: 1 of 4"}
    assert cells(gasp("experiments", "status", *TINY)[1]) == found
    assert gasp("experiments", "run", *TINY)[1] == [f"done: 4 of 4, in {results}"]
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert cells(gasp("experiments", "status", *TINY)[1]) == {"cnn": "done", "gaspnet": "done", "all": "done: 4 of 4"}
    assert gasp("experiments", "run", *TINY) == (0, [f"done: 4 of 4, in {results}"], [])


@pytest.mark.parametrize("width", [80, 50])
def test_a_table_fits_the_terminal(width, gasp, monkeypatch):
    """In a pipe, where the list has one line per row, it is as wide as it needs to be."""
    piped = gasp("experiments", "list", *TINY, "-p", f"seeds={[*range(100)]}")[1]
    assert len(piped) == 4
    assert max(map(len, piped)) > 300
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    coloured = gasp("experiments", "list", *TINY, "-p", f"seeds={[*range(100)]}")[1]
    fitted = [re.sub(r"\x1b\[\d*m", "", line) for line in coloured]
    assert max(map(len, fitted)) <= width
    assert set(re.findall(r"\w+", "\n".join(fitted))) == set(re.findall(r"\w+", "\n".join(piped)))


@pytest.mark.parametrize(("lost", "status", "wrong"), [(0, 0, "nothing"), (2, 2, "lost 2")])
def test_lost_work_is_named_and_ends_in_status_2(lost, status, wrong, gasp, monkeypatch):
    trial = dict.fromkeys(("met", "resumed", "again", "leave", *MUST_BE_ZERO), 0) | {"fault": "disk full", "tried": True}
    monkeypatch.setattr("gasp.tools.faults.measure", lambda *_: pd.DataFrame([trial | {"lost": lost}, trial]))
    ended, out, error = gasp("faults", *TINY)
    assert (ended, len(error)) == (status, status // 2)
    assert rows(out[:-1]) == [["disk full", "2", "0", "0", "0", "0", wrong]]


def test_measured_times_are_shown_as_medians(gasp, monkeypatch):
    case = {"group": "training", "case": "cnn", "size": 1, "floor": 0.001}
    times = pd.DataFrame([case | {"seconds": seconds} for seconds in (0.002, 0.0042, 7.0)])
    monkeypatch.setattr("gasp.tools.bench.measure", lambda *_: times)
    status, out, error = gasp("bench", *TINY)
    assert (status, error) == (0, [])
    assert rows(out[:-1]) == [["training", "cnn", "1", "4.2 ms", "1.0 ms"]]


def test_the_doctor_says_what_to_do(gasp, monkeypatch):
    findings = [Finding("versions", "new"), Finding("mnist", "damaged", "remove mnist.npz")]
    monkeypatch.setattr("gasp.tools.doctor.examine", lambda: iter(findings))
    status, out, error = gasp("doctor")
    assert rows(out) == [["versions", "new"], ["mnist", "damaged"], ["→ remove mnist.npz"]]
    assert (status, error) == (2, ["gasp: problems found: 1; see the arrows above"])
    findings.pop()
    status, out, error = gasp("doctor")
    assert (status, error, out[-1]) == (0, [], "all is well")


@pytest.mark.parametrize(
    ("arguments", "complaint"), [(["--threads", "-1"], "at least one thread"), (["--profile", "tin"], "unknown profile")]
)
def test_a_wrong_measurement_ends_in_one_line_and_status_2(arguments, complaint, gasp):
    status, _, error = gasp("bench", *TINY, *arguments)
    assert (status, len(error)) == (2, 1)
    assert complaint in error[0]


def test_measurements_that_cannot_be_kept_are_refused_at_once(gasp, chapter):
    (chapter / "runs").write_text("a file where a folder must be")
    status, _, error = gasp("bench", *TINY)
    assert (status, len(error)) == (2, 1)
    assert "cannot be written" in error[0]


def told(error: list[str]) -> str:
    """The one line of an answer, below the progress bars of the chapters that were being executed."""
    *bars, last = error
    assert all(re.search(r"\d%\|", line) or not line for line in bars), bars
    assert last.startswith("gasp: ")
    return last


def test_data_that_cannot_be_had_are_named(gasp, chapter, monkeypatch):
    replace(chapter, "items: embedded_digits", "items: mnist")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    status, _, error = gasp("book", "run", "training", *TINY)
    assert status == 2
    complaint = told(error)
    assert f"mnist is not in {os.environ['GASP_DATA']} and could not be fetched" in complaint
    assert "01_training" in complaint
    assert "embedded_digits" in complaint


@pytest.mark.parametrize("place", ["runs", "runs/tiny", "_build"])
def test_a_folder_that_cannot_be_written_is_named(place, gasp, chapter):
    (chapter / place).parent.mkdir(exist_ok=True)
    (chapter / place).write_text("in the way")
    status, _, error = gasp("book", "run", "quick", *TINY)
    assert status == 2
    assert str(chapter / place) in told(error)


@pytest.mark.parametrize("arguments", [["--colour"], ["book", "run", "--profile"], ["book"], ["book", "bild"]], ids=" ".join)
def test_what_is_no_command_has_status_2(arguments, gasp):
    status, out, error = gasp(*arguments)
    assert status == 2
    assert re.search("Usage|requires an argument", "\n".join(out + error))
    assert "Traceback" not in "\n".join(out + error)


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as error:
        SceneSettings(scale=0)
    return error.value


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (GaspError("no such thing"), 2, "gasp: no such thing"),
        (GaspError("first\n\n  second"), 2, "gasp: first second"),
        (invalid(), 2, "gasp: scale: input should be greater than 0, not 0"),
        (KeyboardInterrupt(), 130, "gasp: stopped; the same command goes on from here"),
    ],
    ids=["one line", "two lines", "validation", "interrupt"],
)
def test_an_error_is_one_line_whatever_it_says(error, status, line, gasp, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr("gasp.publishing.chapters.run_chapters", fail)
    assert gasp("book", "run") == (status, [], [line])


def test_the_command_line_answers_before_pytorch_is_loaded():
    code = "import sys; from gasp import cli; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_ctrl_c_before_the_command_begins_is_one_line(gasp, monkeypatch):
    """While typer still makes the command of its functions, it does not look for an interrupt."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.main.get_command", interrupted)
    assert gasp("book", "run") == (130, [], ["gasp: stopped; the same command goes on from here"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_finished_command_leaves_is_no_traceback(number, chapter):
    late = f"import atexit, signal; atexit.register(signal.raise_signal, {int(number)}); from gasp.cli import main; main()"
    command = [sys.executable, "-c", late, "experiments", "list", *TINY]
    done = subprocess.run(command, cwd=chapter, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-number, "")


def test_parameters_are_yaml(gasp, monkeypatch):
    asked = []
    monkeypatch.setattr("gasp.publishing.chapters.run_chapters", lambda *arguments: asked.append(arguments) or [])
    given = ["epochs=2", "learning_rate=1e-3", "scales=[0.5, 1]", "phase_init=random", "device=cpu"]
    status, _, _ = gasp("book", "run", "00", "training", *TINY, "--force", *(part for value in given for part in ("-p", value)))
    assert status == 0
    values = {"epochs": 2, "learning_rate": 0.001, "scales": [0.5, 1], "phase_init": "random", "device": "cpu"}
    assert asked == [(["00", "training"], "tiny", values, True)]
    assert isinstance(asked[0][2]["learning_rate"], float)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_way_to_start_the_command_does_the_same(command, chapter):
    done = subprocess.run([*command, "book", "run", "--profile", "none"], cwd=chapter, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gasp: unknown profile 'none': there are tiny\n"


def test_a_chapter_that_is_stopped_saves_its_runs_and_says_so(chapter):
    """Ctrl-C reaches the command; the notebook's process is told to end, and saves what it trains first."""
    replace(chapter, "epochs: 1", "epochs: 100000")
    checkpoints = chapter / "runs" / "tiny" / "checkpoints"
    end = time.monotonic() + 60
    with subprocess.Popen([GASP, "book", "run", "training", *TINY], stderr=subprocess.PIPE, text=True) as process:
        try:
            while not list(checkpoints.glob("*.safetensors")):  # the first epoch is done
                assert time.monotonic() < end
                time.sleep(0.05)
            time.sleep(0.5)
            told = time.time()
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert error.splitlines()[-1] == "gasp: stopped; the same command goes on from here"
    assert "Traceback" not in error
    (checkpoint,) = checkpoints.glob("*.safetensors")
    assert checkpoint.stat().st_mtime > told - 0.1  # the clock of file systems lags by some milliseconds
    assert steps_done(checkpoint) > 4
