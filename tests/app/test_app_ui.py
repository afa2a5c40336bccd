"""The page makes what the command line makes, listens here only, and answers mistakes in one line."""

import socket
import zipfile

import pytest
from clinsynth.app import ui
from clinsynth.conditioning.dataset import open_dataset
from clinsynth.conditioning.ecg import EcgCondition


def values(**given):
    """Return one value a control: its default, or what is given."""
    return [
        given.get(c.name, list(c.default) if isinstance(c.default, (list, tuple)) else c.default) for c in ui.controls()
    ]


def test_every_field_has_a_control_but_the_patients_own():
    names = {c.name for c in ui.controls()}
    assert set(EcgCondition.model_fields) - names == {"patient_id", "patient_seed", "kernels"}


def test_controls_left_alone_ask_for_nothing():
    plan, command = ui.ask(3, values())
    assert plan.table.column_names == ["sample_id", "seed"] and "--set" not in command and "--seed 3" in command


def test_the_command_line_shown_makes_the_same_record(cli, tmp_path):
    plan, command = ui.ask(8, values(sex="F", rhythm="atrial_fibrillation", noise=["(none)"], duration_s=3))
    record = ui.make(plan)
    for line in command.splitlines():
        import shlex

        assert cli(*shlex.split(line)[1:]).code == 0
    made = next(iter(open_dataset(tmp_path / "ecg")))
    assert made.record_id == record.record_id and made.condition == record.condition
    assert abs(made.arrays["signal"] - record.arrays["signal"]).max() < 2e-3 and made.truth == record.truth


def test_a_sheet_and_wfdb_files_are_saved(tmp_path):
    picture, archive = ui.save(ui.make(ui.ask(1, values(duration_s=3))[0]), tmp_path)
    assert picture.read_bytes().startswith(b"\x89PNG")
    with zipfile.ZipFile(archive) as files:
        assert {name.split(".")[-1] for name in files.namelist()} >= {"hea", "dat", "atr"}


def test_a_number_may_be_typed():
    plan, command = ui.ask(0, values(heart_rate_bpm=" 72 ", duration_s="10", fs_hz="250"))
    assert plan.table.to_pylist()[0]["heart_rate_bpm"] == 72 and "heart_rate_bpm=72" in command
    assert "duration_s" not in command and "fs_hz=250" in command
    with pytest.raises(ValueError, match="'fast' is not a number"):
        ui.ask(0, values(heart_rate_bpm="fast"))


def test_a_contradiction_is_said_in_one_line():
    with pytest.raises(ValueError, match="rhythm=atrial_fibrillation and lf_hf=1 contradict"):
        ui.ask(0, values(rhythm="atrial_fibrillation", lf_hf=1))


@pytest.mark.parametrize(("host", "auth", "said"), [("0.0.0.0", None, "--auth"), ("127.0.0.1", "me:", "USER:PASSWORD")])
def test_other_machines_need_a_password(host, auth, said):
    with pytest.raises(ValueError, match=said):
        ui.serve(host, 7860, auth, block=False)


def test_the_served_page_generates_and_serves_no_other_file(tmp_path):
    from gradio_client import Client

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    blocks = ui.serve(port=port, block=False)
    try:
        client = Client(f"http://127.0.0.1:{port}", verbose=False, download_files=str(tmp_path))
        picture, files, truth, command = client.predict(5, *values(duration_s=3), api_name="/generate")
        assert open(picture, "rb").read(4) == b"\x89PNG" and zipfile.is_zipfile(files[1])
        assert "qrs_ms" in truth and "--seed 5" in command
        with pytest.raises(Exception, match="contradict"):
            client.predict(5, *values(rhythm="paced", pr_ms=150), api_name="/generate")
        import httpx

        for path in ("/etc/passwd", f"{ui.__file__}"):
            assert httpx.get(f"http://127.0.0.1:{port}/gradio_api/file={path}").status_code == 403
        with pytest.raises(ValueError, match=f"port {port}"):
            ui.serve(port=port, block=False)
    finally:
        blocks.close()
