"""The chapters of a tiny book: executed, up to date, stale, failed, refused."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
from drawn import CHAPTER

from gasp.publishing.chapters import chapters, check_chapters, repository, run_chapters
from gasp.publishing.site import archive_book, first_page, watch_book
from gasp.settings import GaspError

PROGRESS = """\
import sys

from tqdm import tqdm

print(f"profile {profile}, overrides {overrides}")
for _ in tqdm(range(3), desc="training"):
    print("step")
print("not a progress bar", file=sys.stdout)
"""
MODEL = """\
def build():
    from gasp.models import GASPnet

    return GASPnet()


"""
NAME = "00_first"


@pytest.fixture(scope="module")
def executed(tmp_path_factory, tiny_profile) -> Path:
    """A project whose two chapters were executed."""
    root = tmp_path_factory.mktemp("executed")
    (root / "book" / "profiles").mkdir(parents=True)
    (root / "book" / "profiles" / "tiny.yaml").write_text(tiny_profile)
    (root / "book" / "00_first.py").write_text(CHAPTER + PROGRESS)
    (root / "book" / "01_second.py").write_text(CHAPTER + MODEL + "6 * 7\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run_chapters((), "tiny", {})
    return root


@pytest.fixture
def book(executed, tmp_path, monkeypatch) -> Path:
    """A copy of that project; the working folder."""
    monkeypatch.chdir(shutil.copytree(executed, tmp_path / "project"))
    return Path.cwd()


def notebook(root: Path, name: str = NAME) -> Path:
    return root / "runs" / "tiny" / f"{name}.ipynb"


def outputs(path: Path) -> str:
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


def test_claims_that_cannot_be_judged_are_refused_before_a_chapter_that_judges_runs(book):
    claims = {"datasets": {"multi_mnist": {"items": "embedded_digits", "claims": ["C99"]}}}
    run_chapters(["first"], "tiny", claims)
    (book / "book" / "02_judging.py").write_text(CHAPTER + "from gasp.analysis import verdicts\n\nraise SystemExit\n")
    with pytest.raises(GaspError, match="unknown claim 'C99'"):
        run_chapters(["judging"], "tiny", claims)


# executed or not


def test_chapters_are_executed_with_their_parameters(book):
    assert "profile tiny, overrides {}" in outputs(notebook(book))
    assert "42" in notebook(book, "01_second").read_text()
    assert check_chapters((), "tiny") == {}


def test_a_second_run_executes_nothing_whatever_the_time_stamps(book, capsys):
    before = notebook(book).read_bytes()
    for path in book.rglob("*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
    assert run_chapters((), "tiny", {}) == []
    assert capsys.readouterr().out.splitlines() == ["00_first: up to date", "01_second: up to date"]
    assert notebook(book).read_bytes() == before


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_changed_chapter_is_stale_and_executed_again_alone(book):
    append(book / "book" / "00_first.py", "print('more')\n")
    assert set(check_chapters((), "tiny")) == {NAME}
    assert check_chapters((), "tiny")[NAME].startswith("stale")
    assert run_chapters((), "tiny", {}) == [notebook(book)]
    assert check_chapters((), "tiny") == {}
    assert outputs(notebook(book)).endswith("more\n")


def test_a_changed_profile_makes_every_chapter_stale(book):
    path = book / "book" / "profiles" / "tiny.yaml"
    path.write_text(path.read_text().replace("epochs: 1", "epochs: 2"))
    assert [fault.split(":")[0] for fault in check_chapters((), "tiny").values()] == ["stale", "stale"]


def test_a_profile_that_says_the_same_in_other_words_changes_nothing(book):
    append(book / "book" / "profiles" / "tiny.yaml", "# a comment\n")
    assert check_chapters((), "tiny") == {}


@pytest.mark.usefixtures("book")
def test_a_changed_module_makes_the_chapters_stale_that_use_it(package):
    assert check_chapters((), "tiny") == {}
    append(package / "tools" / "doctor.py", "\n# more\n")
    assert check_chapters((), "tiny") == {}
    append(package / "models" / "gaspnet.py", "\n# more\n")
    assert list(check_chapters((), "tiny")) == ["01_second"]


def test_a_chapter_is_judged_by_the_parameters_it_was_executed_with(book, capsys):
    assert run_chapters(["first"], "tiny", {"epochs": 3}) == [notebook(book)]
    assert "overrides {'epochs': 3}" in outputs(notebook(book))
    assert run_chapters(["first"], "tiny", {"epochs": 3}) == []
    assert "up to date" in capsys.readouterr().out
    assert check_chapters(["first"], "tiny") == {}
    assert run_chapters(["first"], "tiny", {}) == [notebook(book)]


def test_an_up_to_date_chapter_is_executed_when_forced(book):
    assert run_chapters(["second"], "tiny", {}, force=True) == [notebook(book, "01_second")]


def test_a_chapter_that_trains_missing_runs_is_executed_until_it_has_seen_them(book):
    train = "import gasp\n\nsettings = gasp.load_profile(profile, **overrides)\n"
    train += "print(sum(run.key in settings.store for run in settings.experiments()), 'of 4')\n"
    append(book / "book" / "00_first.py", f"{train}gasp.run_all(settings.experiments(), settings);\n")
    assert run_chapters(["first"], "tiny", {}) == [notebook(book)]
    assert outputs(notebook(book)).endswith("4 of 4\n")
    assert check_chapters(["first"], "tiny") == {}
    assert check_chapters(["second"], "tiny")["01_second"].startswith("stale"), "it was executed while they were missing"


def test_a_chapter_that_was_never_executed_is_pending(book):
    notebook(book).unlink()
    assert list(check_chapters((), "tiny")) == [NAME]
    assert check_chapters((), "tiny")[NAME].startswith("pending")


# failures


@pytest.mark.parametrize("before", ["never executed", "executed before"])
def test_a_failing_chapter_is_named_and_leaves_no_notebook_of_its_own(before, book):
    before = before == "executed before"
    kept = notebook(book).read_bytes()
    if not before:
        notebook(book).unlink()
    (book / "book" / "00_first.py").write_text(CHAPTER + "raise RuntimeError('out of\\nluck')\n")
    with pytest.raises(GaspError, match="00_first") as error:
        run_chapters((), "tiny", {})
    assert "RuntimeError" in str(error.value)
    assert "luck" in str(error.value)
    assert "\n" not in str(error.value)
    assert notebook(book).exists() == before
    if before:
        assert notebook(book).read_bytes() == kept
    assert check_chapters((), "tiny")[NAME].split(":")[0] == ("stale" if before else "pending")
    assert [path.name for path in (book / "runs" / "tiny").iterdir() if path.suffix != ".ipynb"] == []


def test_a_kernel_that_is_killed_is_explained(book):
    append(book / "book" / "00_first.py", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(GaspError, match="the kernel of 00_first died, probably for lack of memory"):
        run_chapters(["first"], "tiny", {})


MEETING = """
import time
from pathlib import Path

Path(f"{name}.met").touch()
until = time.monotonic() + 60
while not Path(f"{other}.met").exists() and time.monotonic() < until:
    time.sleep(0.05)
print("met" if Path(f"{other}.met").exists() else "alone")
"""
NOTHING_TO_TRAIN = {"grid": [], "workers": 2}


def test_chapters_are_executed_at_once_when_nothing_is_to_be_trained(book):
    for name, other in itertools.permutations(["00_first", "01_second"]):
        append(book / "book" / f"{name}.py", f"name, other = {name!r}, {other!r}\n{MEETING}")
    assert run_chapters((), "tiny", NOTHING_TO_TRAIN) == [notebook(book), notebook(book, "01_second")]
    assert [outputs(path).split()[-1] for path in (notebook(book), notebook(book, "01_second"))] == ["met", "met"]


def test_chapters_wait_for_each_other_while_runs_are_missing(book):
    for name in ("00_first", "01_second"):
        note = f"with open('notes', 'a') as notes: notes.write('{name} ')\n"
        append(book / "book" / f"{name}.py", f"{note}\nimport time\ntime.sleep(1)\n{note}")
    run_chapters((), "tiny", {})
    assert (book / "notes").read_text().split() == ["00_first", "00_first", "01_second", "01_second"]


def test_of_chapters_executed_at_once_one_may_fail_and_the_other_is_kept(book):
    (book / "book" / "00_first.py").write_text(CHAPTER + "raise RuntimeError('out of luck')\n")
    append(book / "book" / "01_second.py", "import time\ntime.sleep(2)\n")
    with pytest.raises(GaspError, match=r"00_first, cell \d+: RuntimeError: out of luck"):
        run_chapters((), "tiny", NOTHING_TO_TRAIN)
    assert check_chapters(["second"], "tiny") == {}


@pytest.mark.usefixtures("book")
def test_chapters_executed_at_once_stop_together():
    for name in ("00_first", "01_second"):
        append(Path(f"book/{name}.py"), f"import time\nfrom pathlib import Path\nPath('{name}.met').touch()\ntime.sleep(600)\n")
    command = [sys.executable, "-m", "gasp", "book", "run", "--profile", "tiny", "-p", "grid=[]", "-p", "workers=2"]
    descendants: list[psutil.Process] = []
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while len(list(Path().glob("*.met"))) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        descendants += process.children(recursive=True)
        assert len(descendants) >= 4  # two processes and their kernels
        process.terminate()
        _, said = process.communicate(timeout=30)
        assert psutil.wait_procs(descendants, timeout=10)[1] == []
    finally:
        for left in [process, *descendants]:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
    assert process.returncode == 130
    assert said.splitlines()[-1] == "gasp: stopped; the same command goes on from here"


def with_output(output: dict):
    def damage(content: dict) -> dict:
        code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        code[-1]["outputs"].append(output)
        return content

    return damage


def pending(content: dict) -> dict:
    [cell for cell in content["cells"] if cell["cell_type"] == "code"][-1]["execution_count"] = None
    return content


def unsigned(content: dict) -> dict:
    del content["metadata"]["gasp"]
    return content


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
STDERR = {"output_type": "stream", "name": "stderr", "text": "UserWarning: mind this\n"}
FAULTS = {
    "an error": (with_output(ERROR), "failed", "ValueError: no"),
    "a warning": (with_output(STDERR), "noisy", "mind this"),
    "an empty line on stderr": (with_output(STDERR | {"text": "\n"}), "noisy", ""),
    "a pending cell": (pending, "pending", "not executed"),
    "no fingerprint": (unsigned, "stale", ""),
}


@pytest.mark.parametrize(("damage", "word", "detail"), FAULTS.values(), ids=FAULTS)
def test_an_executed_chapter_that_is_not_fit_is_refused(damage, word, detail, book):
    path = notebook(book)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    faults = check_chapters((), "tiny")
    assert list(faults) == [NAME]
    assert faults[NAME].startswith(f"{word}:")
    assert detail in faults[NAME]
    assert run_chapters((), "tiny", {}) == [path]
    assert check_chapters((), "tiny") == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"null", b'"x"', b'{"nbformat": 4}', b"\xff\xfe\xfa", b"half"])
def test_a_damaged_notebook_is_refused(content, book):
    path = notebook(book)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == b"half" else content)
    assert check_chapters(["first"], "tiny")[NAME].startswith("damaged:")


# what is in an executed chapter


def test_progress_bars_are_taken_out_and_nothing_else(book):
    text = outputs(notebook(book))
    assert text.count("step\n") == 3
    assert "not a progress bar" in text
    assert "\r" not in text
    assert "training" not in text


def test_an_executed_chapter_tells_nothing_of_this_machine(book, executed):
    for path in (notebook(book), notebook(book, "01_second")):
        text = path.read_text()
        for secret in (getpass.getuser(), socket.gethostname(), os.uname().nodename):
            assert not re.search(rf"\b{re.escape(secret)}\b", text), secret
        for folder in (executed, book, Path.home(), Path(__file__).parents[2]):
            assert f"{folder}/" not in text
        assert not re.search(r"/(home|root|tmp|work|usr|var)/", text)


def test_an_executed_chapter_says_what_it_was_made_of(book):
    record = nbformat.read(notebook(book), 4).metadata["gasp"]
    assert record["profile"] == "tiny"
    assert record["overrides"] == {}
    assert set(record) >= {"fingerprint", "date", "python", "torch"}
    assert not any("papermill" in cell.metadata for cell in nbformat.read(notebook(book), 4).cells)


# names


@pytest.mark.parametrize(
    "name",
    ["00", "0", "first", "00_first", "00_first.py", "book/00_first.py", "runs/tiny/00_first.ipynb", "./book/00_first.py"],
)
def test_a_chapter_is_called_by_its_name_its_number_or_its_path(name, book):
    assert chapters([name]) == [book / "book" / "00_first.py"]


def test_without_names_there_are_all_chapters_in_order_else_those_asked_for_in_theirs(book):
    (book / "book" / "notes.py").write_text("")
    assert [path.stem for path in chapters()] == ["00_first", "01_second"]
    assert [path.stem for path in chapters(["second", "00"])] == ["01_second", "00_first"]


@pytest.mark.parametrize("name", ["02", "2", "fir", "", "profiles"])
@pytest.mark.usefixtures("book")
def test_an_unknown_chapter_is_answered_with_the_known_ones(name):
    with pytest.raises(GaspError, match=rf"no chapter '{name}': there are 00_first, 01_second"):
        chapters([name])


def test_a_number_of_two_chapters_is_refused(book):
    (book / "book" / "00_other.py").write_text(CHAPTER)
    with pytest.raises(GaspError, match=r"00_first.*00_other"):
        chapters(["00"])
    assert [path.stem for path in chapters(["other"])] == ["00_other"]


# where a chapter comes from


def provenance(path: Path) -> str:
    return nbformat.read(path, 4).cells[-1].source


def test_an_executed_chapter_ends_in_where_it_comes_from(book):
    text, record = provenance(notebook(book)), nbformat.read(notebook(book), 4).metadata["gasp"]
    for said in (record["date"], record["fingerprint"], record["device"], record["torch"], "0, 1", "not in version control"):
        assert said in text
    assert "`gasp book run 00 --profile tiny --force`" in text
    assert re.findall(r"\{download\}`[^<]+<([^>]+)>`", text) == [
        "00_first.ipynb",
        "../../book/00_first.py",
        "../../book/profiles/tiny.yaml",
    ]
    for link in re.findall(r"\{download\}`[^<]+<([^>]+)>`", text):
        assert (notebook(book).parent / link).is_file()


def test_the_way_to_the_same_again_names_what_was_replaced(book):
    run_chapters(["second"], "tiny", {"epochs": 3, "seeds": [0]})
    assert "`gasp book run 01 --profile tiny -p epochs=3 -p seeds=[0] --force`" in provenance(notebook(book, "01_second"))


def git(*arguments: str) -> None:
    name = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    subprocess.run(["git", *name, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/someone/some-thing.git", "https://github.com/someone/some-thing"),
        ("git@github.com:someone/some.thing.git", "https://github.com/someone/some.thing"),
        ("/a/folder/github.com", ""),
        ("https://example.org/someone/something", ""),
    ],
)
@pytest.mark.usefixtures("book")
def test_the_public_address_is_where_git_fetches_from(remote, address):
    assert repository() == ""
    git("init", "-q")
    git("remote", "add", "origin", remote)
    assert repository() == address


def test_a_chapter_of_a_public_project_installs_it_where_it_is_missing(book):
    git("init", "-q")
    git("add", "book")
    git("commit", "-q", "-m", "all")
    git("remote", "add", "origin", "https://github.com/someone/something")
    run_chapters((), "tiny", {}, force=True)
    first, *_ = nbformat.read(notebook(book), 4).cells
    assert "https://github.com/someone/something" in first.source
    assert "remove-cell" in first.metadata["tags"]
    assert check_chapters((), "tiny") == {}
    commit = nbformat.read(notebook(book), 4).metadata["gasp"]["commit"]
    assert re.fullmatch(r"[0-9a-f]{10}", commit)
    assert f"`{commit}`" in provenance(notebook(book))
    append(book / "book" / "00_first.py", "# more\n")
    run_chapters(["first"], "tiny", {})
    assert nbformat.read(notebook(book), 4).metadata["gasp"]["commit"] == f"{commit} with changes"


def test_an_execution_leaves_nothing_in_the_working_folder(book):
    assert sorted(path.name for path in book.iterdir()) == ["_build", "book", "runs"]


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("ask", [first_page, archive_book])
def test_a_book_that_was_not_built_can_be_neither_opened_nor_put_into_an_archive(ask):
    with pytest.raises(GaspError, match="gasp book build --profile tiny"):
        ask("tiny")


def test_an_archive_has_pages_notebooks_scripts_and_results(book):
    page = book / "_build" / "tiny" / "_build" / "html" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("a page")
    assert first_page("tiny") == page
    (book / "runs" / "tiny" / "checkpoints").mkdir()
    (book / "runs" / "tiny" / "checkpoints" / "half.safetensors").write_text("")
    with zipfile.ZipFile(archive_book("tiny")) as archive:
        (name,) = {entry.split("/")[0] for entry in archive.namelist()}
        files = {entry.removeprefix(f"{name}/") for entry in archive.namelist() if not entry.endswith("/")}
    assert files == {
        "html/index.html",
        "runs/tiny/00_first.ipynb",
        "runs/tiny/01_second.ipynb",
        "book/00_first.py",
        "book/01_second.py",
        "book/profiles/tiny.yaml",
    }


def test_a_watched_book_is_made_anew_when_a_source_changes(book, monkeypatch, capfd):
    built, execute = [], subprocess.run

    class Server:
        """Stands for a server whose user edits a chapter, saves nonsense, and mends it."""

        def __init__(self) -> None:
            self.watched: dict[str, Callable[[], None]] = {}

        def watch(self, pattern: str, function: Callable[[], None]) -> None:
            self.watched[pattern] = function

        def serve(self, port: int, root: str) -> None:
            assert (port, root) == (5511, str(book / "_build" / "tiny" / "_build" / "html"))
            chapter = book / "book" / "00_first.py"
            for text in ("print('more')\n", "raise ValueError('nonsense')\n", "print('mended')\n"):
                chapter.write_text(CHAPTER + text)
                self.watched[str(book / "book" / "*")]()

    def run(command: list[str], **options) -> subprocess.CompletedProcess:
        if "build" not in command:
            return execute(command, **options)
        built.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("livereload.Server", Server)
    monkeypatch.setattr("gasp.publishing.site.subprocess.run", run)
    watch_book("tiny", 5511)
    assert built == [["-m", "gasp", "book", "build", "--changed", "--profile", "tiny"]] * 3
    assert outputs(notebook(book)) == "mended\n"
    assert "gasp: 00_first, cell" in capfd.readouterr().err
