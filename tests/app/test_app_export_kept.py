"""export --keep: what is left out of a data set, why, and that the files and the table tell the same."""

import csv
import json

import pytest
from clinsynth.app.jobs.curating import wanted
from clinsynth.app.jobs.settings import WrongSetting
from clinsynth.conditioning.dataset import open_dataset
from clinsynth.conditioning.plan import make_plan
from clinsynth.generators.protocol import GENERATORS
from clinsynth.generators.storage import StorageConfig, write_part
from radiograph_toy import DrawnRadiographs


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Repeating(DrawnRadiographs):
    """Every fourth image is that of the one before."""

    def generate(self, conditions, seeds):
        twice = [seeds[k - 1] if k % 4 == 3 else seed for k, seed in enumerate(seeds)]
        same = [conditions[k - 1] if k % 4 == 3 else c for k, c in enumerate(conditions)]
        for k, record in enumerate(super().generate(same, twice)):
            record.__dict__["condition"] = conditions[k]
            yield record


@pytest.fixture(scope="module")
def repeating(tmp_path_factory):
    GENERATORS["drawn"] = "radiograph_toy:DrawnRadiographs"
    out = tmp_path_factory.mktemp("repeating") / "images"
    plan = make_plan(Repeating.condition_type, 24, balance=["sex"], seed=3)
    write_part(Repeating(), plan, out, StorageConfig(batch_size=24, shard_size=24), run_seed=3)
    yield out
    del GENERATORS["drawn"]


def test_repeats_are_left_out_and_the_table_names_what_they_repeat(cli, repeating, tmp_path):
    said = cli("export", repeating, "-f", "png", "-o", "out", "--keep", "unique", "--json", "-q")
    assert said.code == 0, said.err
    content, table = json.loads(said.out), rows(tmp_path / "out" / "curation.csv")
    ids = list(open_dataset(repeating).ids)
    assert [row["sample_id"] for row in table] == ids
    because = {row["sample_id"]: row["because_of"] for row in table if row["reason"] == "duplicate"}
    assert {ids[k]: ids[k - 1] for k in range(3, 24, 4)}.items() <= because.items()
    kept = [row["sample_id"] for row in table if row["kept"] == "1"]
    assert {p.stem for p in (tmp_path / "out").rglob("*.png")} == set(kept)
    assert [row["sample_id"] for row in rows(tmp_path / "out" / "samples.csv")] == kept
    assert content["samples"] == len(kept) and content["of"] == 24 and content["left_out"]["duplicate"] == len(because)


def test_a_share_is_kept_with_its_curve_its_origin_and_its_command(cli, small_dataset, tmp_path):
    words = ("export", small_dataset, "-f", "csv", "-o", "out", "--keep", "0.4", "--real", "embedded:ludb")
    said = cli(*words, "--seed", 2)
    assert said.code == 0 and "8 of 20 samples as csv" in said.out and "curating: 40 of 40" in said.err
    content = json.loads((tmp_path / "out" / "curation.json").read_text())
    assert content["recipe_sha256"] == open_dataset(small_dataset).info.recipe_sha256
    assert content["counts"]["kept"] == 8 and sum(content["counts"].values()) == 20
    kept = [point["kept"] for point in content["curve"]]
    assert len(kept) > 3 and kept == sorted(kept, reverse=True)
    assert content["command"].split()[-2:] == ["--seed", "2"] and "--real embedded:ludb" in content["command"]
    text = (tmp_path / "out" / "curation.html").read_text()
    assert "8 of 20" in text and "curation" in text and 'src="http' not in text
    again = cli(*words, "--out", "out2", "--seed", 2, "-q")  # the last of two --out counts
    assert again.code == 0
    assert (tmp_path / "out2" / "curation.csv").read_text() == (tmp_path / "out" / "curation.csv").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--keep", "1.5"), "--keep must be a share"),
        (("--keep", "0"), "--keep must be a share"),
        (("--keep", "nan"), "--keep must be a share"),
        (("--keep", "0.5", "--select", "best"), "'best' is not known"),
        (("--real", "embedded:ludb"), "give --keep too"),
        (("--select", "coverage"), "give --keep too"),
        (("--keep", "0.5", "--real", "embedded:nih64"), "of kind"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(cli, small_dataset, tmp_path, words, said):
    told = cli("export", small_dataset, "-f", "csv", "-o", "out", *words, "-q")
    assert told.code == 2 and said in told.err and told.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_is_wanted():
    assert [wanted(text, 200) for text in ("0.7", "0.001", "12", "unique")] == [140, 1, 12, None]
    with pytest.raises(WrongSetting):
        wanted("-3", 10)
