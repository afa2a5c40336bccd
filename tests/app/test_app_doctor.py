"""doctor sees the broken states, says the remedy, and is not taken down by what it looks at."""

import json
import os
import sys

import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs import checkup
from clinsynth.app.jobs.probes import probe

GOOD = {
    "torch": {"version": "2.13.0", "cuda": False, "devices": []},
    "diffusers": {"version": "0.42.1"},
    "xformers": {"version": "0.0.35"},
    "torchvision": {"version": "0.28.0"},
}
CUDA = {"version": "2.13.0", "cuda": True, "devices": ["NVIDIA H100"]}


@pytest.fixture
def look(monkeypatch):
    """Run doctor with given reports of libraries; returns findings by name."""

    def call(present=(), **reports):
        monkeypatch.setattr(checkup, "installed", lambda name: name in present)
        found = {f.name: f for f in jobs.doctor(lambda name: {**GOOD, **reports}[name])}
        assert all(f.remedy for f in found.values() if f.state != "ok")
        return found

    return call


def test_a_sound_installation_is_usable(look):
    found = look()
    assert not [f for f in found.values() if f.state == "broken"]
    assert "scaled dot product" in found["attention"].detail and "CPU" in found["devices"].detail


def test_a_torchvision_that_does_not_match_is_broken(look):
    error = {"error": "RuntimeError: operator torchvision::nms does not exist"}
    found = look(present=["torchvision"], torchvision=error, diffusers=error)["torchvision"]
    assert found.state == "broken" and "nms" in found.detail and "diffusers" in found.detail
    assert "pip uninstall torchvision" in found.remedy


def test_a_torchvision_that_matches_is_fine(look):
    assert look(present=["torchvision"])["torchvision"].state == "ok"


def test_a_diffusers_that_is_broken_alone_is_named(look):
    found = look(diffusers={"error": "ImportError: x"})
    assert found["diffusers"].state == "broken" and "torchvision" not in found


def test_xformers_missing_on_cuda_is_a_warning_and_absent_elsewhere_is_none(look):
    found = look(torch=CUDA)
    assert found["attention"].state == "warning" and "clinsynth[gpu]" in found["attention"].remedy
    assert "H100" in found["devices"].detail
    assert look()["attention"].state == "ok"


def test_xformers_on_cuda_is_the_attention_that_is_used(look):
    assert look(present=["xformers"], torch=CUDA)["attention"].detail.startswith("xformers 0.0.35")
    broken = look(present=["xformers"], torch=CUDA, xformers={"error": "ImportError: built for torch 2.9"})["attention"]
    assert broken.state == "warning" and "2.9" in broken.detail and "scaled dot product" in broken.detail


def test_a_torch_that_cannot_be_imported_is_broken(look):
    found = look(torch={"error": "OSError: libtorch.so: undefined symbol"})
    assert found["torch"].state == "broken" and "undefined symbol" in found["torch"].detail


def test_a_package_that_is_missing_or_old_is_broken(look, monkeypatch):
    monkeypatch.setattr(
        checkup, "_requirements", lambda: {"numpy": "99.0", "no-such-package": "1.0", "pydantic": "2.0"}
    )
    found = look()
    assert found["numpy"].state == found["no-such-package"].state == "broken" and found["pydantic"].state == "ok"
    assert "numpy>=99.0" in found["numpy"].remedy


def test_folders_that_cannot_be_written_are_found(look, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("TMPDIR", str(file))
    monkeypatch.setenv("XDG_CACHE_HOME", str(file / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file / "numba"))
    monkeypatch.setattr(checkup.Path, "cwd", lambda: tmp_path / "gone")
    found = look()
    assert found["temporary folder"].state == "broken" and "TMPDIR" in found["temporary folder"].remedy
    assert found["current folder"].state == "broken"
    assert found["cache"].state == "warning" and found["compiled code"].state == "warning"
    assert "NUMBA_CACHE_DIR" in found["compiled code"].remedy


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not hold the superuser")
def test_a_folder_without_permission_is_found(look, tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.chdir(tmp_path)
    assert look()["current folder"].state == "broken"


def test_a_full_disk_is_found(look, monkeypatch):
    monkeypatch.setattr(checkup, "_free_bytes", lambda folder: 1000)
    assert look()["current folder"].state == "broken"


def test_the_exit_code_says_whether_it_is_usable(cli, monkeypatch):
    for state, code in (("ok", 0), ("warning", 0), ("broken", 1)):
        monkeypatch.setattr(jobs, "doctor", lambda state=state: [checkup.Finding("x", state, "y", "z")])
        said = cli("doctor", "--json")
        assert said.code == code and json.loads(said.out)["usable"] is (code == 0)
        assert "remedy: z" in cli("doctor").out


def test_probes_survive_what_breaks_or_kills_the_interpreter(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "torch.py").write_text("import os; os.abort()")
    assert "ended with code" in probe("torch")["error"]
    (tmp_path / "torch.py").write_text("print('noise')\n__version__ = '1'\n")
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    assert probe("torchvision")["error"] == "RuntimeError: operator torchvision::nms does not exist"


def test_a_broken_torchvision_on_the_path_is_found_and_spares_this_process(tmp_path, monkeypatch):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = {f.name: f for f in jobs.doctor()}
    assert found["torchvision"].state == "broken" and "pip uninstall torchvision" in found["torchvision"].remedy
    assert "torchvision" not in sys.modules
