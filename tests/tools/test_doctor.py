"""What the doctor finds, and the numbers that a specification means.

The reference numbers are made anew by ``python tests/tools/test_doctor.py``, after REVISION was raised.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gasp.experiments.specification import REVISION
from gasp.settings import GaspError
from gasp.tools import doctor
from gasp.tools.doctor import TOLERANCE, Finding, deviation, examine, measured

REFERENCE = Path(doctor.__file__).with_name("reference.json")
REMEDY = (
    "the same specification now means other numbers. If that is intended, raise REVISION, so that results of "
    "before are no longer found, and make the reference anew: python tests/tools/test_doctor.py"
)
pytestmark = pytest.mark.usefixtures("project")


def findings() -> dict[str, Finding]:
    return {finding.what: finding for finding in examine()}


def test_a_specification_means_what_it_meant():
    assert deviation() <= TOLERANCE, REMEDY
    assert json.loads(REFERENCE.read_text()).keys() == {"revision", *measured()}, REMEDY


def test_numbers_that_are_others_are_noticed(monkeypatch):
    found = measured()
    found["validation_loss"][1] *= 1.01
    monkeypatch.setattr(doctor, "measured", lambda: found)
    assert deviation() == pytest.approx(0.01 * found["validation_loss"][1] / 1.01 / max(found["validation_loss"]), rel=0.1)
    assert "do not mix" in findings()["self-test"].remedy


def test_numbers_of_another_revision_are_refused(monkeypatch):
    monkeypatch.setattr(doctor, "REVISION", REVISION + 1)
    with pytest.raises(GaspError, match="another revision"):
        deviation()


def test_a_healthy_project_needs_no_remedy(project):
    found = findings()
    assert {finding.remedy for finding in found.values()} == {""}
    assert str(project / "runs") in found["results"].found
    assert "fetched" in found["mnist"].found


def test_what_is_not_well_is_told_with_a_remedy(project, monkeypatch):
    data = project / "data"
    data.mkdir()
    (data / "mnist.npz").write_bytes(b"not an archive")
    monkeypatch.setenv("GASP_DATA", str(data))
    (project / "runs").write_text("in the way")
    monkeypatch.setattr(doctor, "deviation", lambda: 0.0)
    found = findings()
    assert {what for what, finding in found.items() if finding.remedy} == {"mnist", "results"}
    assert "mnist.npz" in found["mnist"].remedy
    shutil.rmtree(project / "book")
    assert "not inside a copy of the project" in findings()["results"].remedy


def test_a_file_in_place_of_the_data_folder_is_told_with_a_remedy(project, monkeypatch):
    (project / "data").write_text("")
    monkeypatch.setenv("GASP_DATA", str(project / "data"))
    assert "GASP_DATA" in findings()["mnist"].remedy


if __name__ == "__main__":
    REFERENCE.write_text(json.dumps({"revision": REVISION} | measured(), indent=1) + "\n")
