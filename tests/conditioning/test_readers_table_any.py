"""Tables of any images, volumes and signals: their kind, what a row says, and files that lie about their size."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.conditions import read_conditions
from clinsynth.conditioning.readers.cube import cube_affine, cube_of, cubed, cubed_labels
from clinsynth.conditioning.readers.table_kinds import kind_of_table
from clinsynth.conditioning.table import Box, TableCondition, parse_boxes
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (24, 32), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)
VOLUME = RNG.integers(-1000, 1000, (9, 10, 12)).astype(np.int16)
AFFINE = np.array([[-2.0, 0, 0, 30], [0, -2.0, 0, 40], [0, 0, 3.0, -50], [0, 0, 0, 1]])


def table(folder: Path, rows: list[dict[str, object]], name: str = "t.csv") -> Path:
    pd.DataFrame(rows).to_csv(folder / name, index=False)
    return folder / name


def one(folder: Path, row: dict[str, object], **options: object):
    return next(iter(read(f"table:{table(folder, [row])}", **options)))


def refusal(folder: Path, row: dict[str, object], **options: object) -> str:
    with pytest.raises(ValueError) as error:
        list(read(f"table:{table(folder, [row])}", **options))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    Image.fromarray(COLOUR).save(tmp_path / "colour.png")
    Image.fromarray((GREY > 128).astype(np.uint8) * 2).save(tmp_path / "mask.png")
    nibabel.save(nibabel.Nifti1Image(VOLUME, AFFINE), tmp_path / "v.nii.gz")
    nibabel.save(nibabel.Nifti1Image((VOLUME > 0).astype(np.uint8), AFFINE), tmp_path / "m.nii.gz")
    np.save(tmp_path / "flat.npy", GREY)
    np.save(tmp_path / "deep.npy", VOLUME)
    np.save(tmp_path / "signal.npy", RNG.normal(size=(3, 400)))
    return tmp_path


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"path": "grey.png", "label": "a"}, "image"),
        ({"path": "grey.png", "target": 1.5}, "image"),
        ({"path": "grey.png", "boxes": "none"}, "image"),
        ({"path": "flat.npy", "label": "a"}, "image"),
        ({"path": "v.nii.gz"}, "volume"),
        ({"path": "deep.npy"}, "volume"),
        ({"path": "signal.npy", "label": "a", "fs_hz": 100}, "signal"),
        ({"path": "grey.png"}, "radiograph"),
        ({"path": "grey.png", "findings": "effusion", "view": "pa"}, "radiograph"),
        ({"path": "signal.npy", "fs_hz": 100, "leads": "I|II|V1"}, "ecg"),
    ],
)
def test_columns_and_files_say_what_a_table_is_of(folder: Path, row: dict[str, object], kind: str) -> None:
    assert kind_of_table(str(table(folder, [row]))) == kind


def test_a_radiograph_table_stays_one_and_kind_overrules(folder: Path) -> None:
    row: dict[str, object] = {"path": "grey.png", "sex": "F", "view": "pa"}
    assert isinstance(one(folder, row).condition, RadiographCondition)
    seen = one(folder, row, kind="image")
    assert isinstance(seen.condition, TableCondition) and seen.condition.other == {"view": "pa"}
    assert "kind 'x' is not known" in refusal(folder, row, kind="x")
    assert "read with ?kind=image" in refusal(folder, {"path": "colour.png"})


def test_a_row_says_all_that_its_columns_hold(folder: Path) -> None:
    row: dict[str, object] = {
        "path": "grey.png", "label": "benign", "labels": "calcified|solid", "target": 2.5, "mask": "mask.png",
        "boxes": "1 2 11 12 mass; 3 4 5 6 clip mark", "sex": "Female", "age_years": 61, "race": "Asian",
        "site": "north", "patient_id": 7, "split": "test", "density": "c",
    }  # fmt: skip
    record = one(folder, row)
    c = record.condition
    assert c.classes == ("benign", "calcified", "solid") and c.target == 2.5 and c.sex == "F" and c.patient_id == "7"
    assert (c.age_years, c.race, c.site, c.split, c.other) == (61, "Asian", "north", "test", {"density": "c"})
    assert c.boxes == (Box(x0=1, y0=2, x1=11, y1=12, label="mass"), Box(x0=3, y0=4, x1=5, y1=6, label="clip mark"))
    np.testing.assert_allclose(record.arrays["image"] * 255, GREY, atol=1e-4)
    np.testing.assert_array_equal(record.arrays["mask"], (GREY > 128) * 2)
    assert TableCondition.model_validate_json(c.model_dump_json()) == c
    assert record.tables["boxes"]["x1"].tolist() == [11, 5]


def test_colour_is_kept_where_there_is_some(folder: Path) -> None:
    Image.fromarray(np.repeat(GREY[..., None], 3, 2)).save(folder / "rgb_grey.png")
    assert one(folder, {"path": "colour.png", "label": "a"}).arrays["image"].shape == (24, 32, 3)
    assert one(folder, {"path": "rgb_grey.png", "label": "a"}).arrays["image"].shape == (24, 32)


@given(st.integers(9, 40), st.integers(9, 40), st.integers(8, 32))
@settings(max_examples=15, deadline=None)
def test_boxes_and_masks_move_with_the_image_when_it_becomes_a_square(rows: int, cols: int, size: int) -> None:
    import tempfile

    image = np.zeros((rows, cols), np.uint8)
    image[2:8, 3:9] = 255
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "x.npy", image)
        np.save(folder / "m.npy", (image > 0).astype(np.int32))
        row: dict[str, object] = {"path": "x.npy", "mask": "m.npy", "boxes": "3 2 9 8 thing"}
        record = one(folder, row, size=size)
    box, mask = record.condition.boxes[0], record.arrays["mask"]
    assert record.arrays["image"].shape == mask.shape == (size, size)
    step = size / max(rows, cols)
    assert box.x1 - box.x0 == pytest.approx(6 * step) and box.y1 - box.y0 == pytest.approx(6 * step)
    ys, xs = np.nonzero(mask)
    if len(xs):  # the mask lies in the box, to within a pixel
        assert box.x0 - 1 <= xs.min() and xs.max() + 1 <= box.x1 + 1
        assert box.y0 - 1 <= ys.min() and ys.max() + 1 <= box.y1 + 1


def test_a_volume_is_turned_to_the_patient_and_keeps_its_place(folder: Path) -> None:
    record = one(folder, {"path": "v.nii.gz", "mask": "m.nii.gz", "unit": "HU", "label": "a"})
    affine = np.array(record.geometry.affine)
    assert nibabel.aff2axcodes(affine) == ("R", "A", "S")
    assert record.geometry.spacing_mm == (2, 2, 3) and record.geometry.unit == "HU"
    at = np.array([2, 3, 4])
    world = affine @ [*at, 1]
    stored = np.rint(np.linalg.inv(AFFINE) @ world).astype(int)[:3]
    assert record.arrays["volume"][tuple(at)] == VOLUME[tuple(stored)]
    np.testing.assert_array_equal(record.arrays["mask"], record.arrays["volume"] > 0)


def test_a_cube_keeps_mean_place_and_proportions() -> None:
    x = RNG.normal(size=(12, 18, 24)).astype(np.float32) + 5
    cube = cube_of(x.shape, (2.0, 1.0, 1.0), 12)
    assert cube.shape == (12, 9, 12) and cube.step_mm == 2.0
    out = cubed(x, cube)
    inside = out[:, cube.offset[1] : cube.offset[1] + 9]
    assert out.shape == (12, 12, 12) and inside.mean() == pytest.approx(x.mean(), rel=1e-5)
    assert (out[:, 0] == x.min()).all()
    affine = cube_affine(np.eye(4), x.shape, cube)
    corner = np.array([-0.5, cube.offset[1] - 0.5, -0.5, 1])
    np.testing.assert_allclose((affine @ corner)[:3], [-0.5] * 3, atol=1e-12)
    labels = (x > 5).astype(np.int32)
    assert set(np.unique(cubed_labels(labels, cube))) <= {0, 1}


def test_a_signal_keeps_its_unit_and_rate(folder: Path) -> None:
    row: dict[str, object] = {"path": "signal.npy", "fs_hz": 100, "unit": "g", "leads": "x|y|z", "target": 1}
    record = one(folder, row)
    assert record.geometry.fs_hz == 100 and record.geometry.unit == "g" and record.geometry.leads == ("x", "y", "z")
    assert one(folder, row, fs_hz=50).arrays["signal"].shape == (3, 200)
    assert one(folder, row, leads="z").arrays["signal"].shape == (1, 400)
    assert "state it in the column fs_hz" in refusal(folder, {"path": "signal.npy", "label": 1}, kind="signal")


def bomb_png(path: Path, side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def bomb_nifti(path: Path, shape: tuple[int, ...], body: int = 0) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((2, 2, 2))
    raw = bytearray(header.binaryblock)
    raw[40:56] = struct.pack("<8h", 3, *shape, 1, 1, 1, 1)
    raw[108:112] = struct.pack("<f", 352)
    raw[344:348] = b"n+1\0"
    content = bytes(raw) + b"\0" * (4 + body)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def test_files_that_claim_more_than_they_hold_are_refused_before_they_are_read(folder: Path) -> None:
    bomb_png(folder / "bomb.png", 60_000)
    bomb_png(folder / "lying.png", 7_990)
    bomb_nifti(folder / "bomb.nii.gz", (30_000, 30_000, 30_000))
    bomb_nifti(folder / "lying.nii.gz", (600, 600, 600))
    bomb_nifti(folder / "cut.nii", (100, 100, 100))
    (folder / "tiny.nii").write_bytes(b"\x5c\x01\0\0" + b"\xff" * 67)
    (folder / "tiny.nii.gz").write_bytes(gzip.compress(b"\x5c\x01\0\0" + b"\xff" * 67))
    (folder / "text.nii").write_text("no volume at all " * 100)
    assert len((folder / "tiny.nii").read_bytes()) == 71
    for name, words in {
        "bomb.png": "more", "lying.png": "cut or damaged", "bomb.nii.gz": "more than 300 million",
        "lying.nii.gz": "the file holds", "cut.nii": "the file holds", "tiny.nii": "holds 71 bytes",
        "tiny.nii.gz": "tiny.nii.gz", "text.nii": "text.nii",
    }.items():  # fmt: skip
        said = refusal(folder, {"path": name, "label": "a"})
        assert words in said and name in said and len(said) < 300


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"path": "../grey.png"}, "leads out of its folder"),
        ({"path": "grey.png", "mask": "/etc/passwd"}, "leads out of its folder"),
        ({"path": "grey.png", "mask": "colour.png"}, "has colour"),
        ({"path": "grey.png", "mask": "small.png"}, "is 8 x 8 and the image 24 x 32"),
        ({"path": "grey.png", "boxes": "1 2 3 mass"}, "is not x0 y0 x1 y1 class"),
        ({"path": "grey.png", "boxes": "5 2 3 4 mass"}, "has no area"),
        ({"path": "grey.png", "target": "much"}, "target = 'much' is not a number"),
        ({"path": "grey.png", "target": "inf"}, "target"),
        ({"path": "grey.png", "age_years": 430}, "age_years = 430"),
        ({"path": "grey.png", "sex": "Q"}, "sex = 'Q' is not known"),
        ({"path": "gone.png"}, "does not exist"),
        ({"path": "v.nii.gz", "mask": "deep_other.npy"}, "must be alike"),
    ],
)
def test_a_faulty_row_is_refused_by_row_and_skipped_where_that_is_asked(
    folder: Path, row: dict[str, object], words: str
) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "small.png")
    np.save(folder / "deep_other.npy", np.zeros((9, 9, 9), np.int16))
    said = refusal(folder, {"label": "a", **row})
    assert words in said and "t.csv, row 1: " in said
    skipped: list[str] = []
    good = {"label": "a", "path": "v.nii.gz" if "nii" in str(row["path"]) else "grey.png", "record_id": "good"}
    path = table(folder, [good, {"label": "a", **row}])
    assert [r.record_id for r in read(f"table:{path}?on_error=skip", skipped=skipped)] == ["good"]
    assert len(skipped) == 1 and words in skipped[0]


def test_split_limit_and_conditions_alone(folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {"path": "grey.png", "record_id": k, "label": "ab"[k % 2], "split": "train" if k < 3 else "test"}
        for k in range(5)
    ]
    path = table(folder, rows)
    assert [r.record_id for r in read(f"table:{path}?split=test")] == ["3", "4"]
    assert len(list(read(f"table:{path}?limit=2"))) == 2
    (folder / "grey.png").unlink()
    assert [c.label for c in read_conditions(f"table:{path}", TableCondition)] == list("ababa")
    assert "option fs_hz" in refusal(folder, {"path": "colour.png", "label": "a"}, kind="image", fs_hz=100)


def test_values_without_a_depth_keep_their_range(folder: Path) -> None:
    np.save(folder / "hu.npy", VOLUME[0])
    record = one(folder, {"path": "hu.npy", "label": "a"})
    assert record.geometry.unit == "raw" and record.arrays["image"].min() == VOLUME[0].min()
    resized = one(folder, {"path": "hu.npy", "label": "a"}, size=16).arrays["image"]
    assert resized.min() < -100 and resized.max() > 100


def test_boxes_of_nothing_are_none_and_no_cell_is_not_said() -> None:
    assert parse_boxes("none") == () and TableCondition().boxes is None and TableCondition().classes is None
