"""Plans survive their files, and a user's file that is wrong is refused with its row and column."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clinsynth.conditioning.ecg import EcgCondition, Finding, Noise, Rhythm
from clinsynth.conditioning.plan import CohortPlan, make_plan
from clinsynth.conditioning.plan.files import build_table
from clinsynth.conditioning.seeds import sample_seed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KERNELS = dict(wave=["QRS", "T"], centre_s=[0, 0.3], width_s=[0.01, 0.05], dipole_mv=[[1.0, 0.5, 0.2], [0.25, 0.1, 0]])

CELLS = st.fixed_dictionaries(
    {
        "sex": st.sampled_from(["F", "M", None]),
        "age_years": st.none() | st.floats(18, 110),
        "rhythm": st.none() | st.just(Rhythm.sinus.value),
        "findings": st.none()
        | st.lists(st.sampled_from([f.value for f in (Finding.long_qt, Finding.low_voltage)]), unique=True),
        "noise": st.none() | st.lists(st.sampled_from([n.value for n in Noise]), unique=True),
        "patient_id": st.none() | st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True),
        "patient_seed": st.none() | st.integers(0, 2**63 - 1),
        "kernels": st.none() | st.just(KERNELS),
    }
)


def as_plan(cells, seed=5):
    import json

    columns = {name: [row[name] for row in cells] for name in cells[0]}
    columns["kernels"] = [None if k is None else json.dumps(k, sort_keys=True) for k in columns["kernels"]]
    ids = [f"s-{i}_x" for i in range(len(cells))]
    columns |= {"sample_id": ids, "seed": [sample_seed(seed, name) for name in ids]}
    return CohortPlan(build_table(columns, EcgCondition), seed, {"n": len(ids)})


@given(cells=st.lists(CELLS, min_size=1, max_size=5), ending=st.sampled_from(["parquet", "csv"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plan_survives_its_file(tmp_path, cells, ending):
    plan = as_plan(cells)
    plan.write(tmp_path / f"plan.{ending}")
    back = CohortPlan.read(tmp_path / f"plan.{ending}", EcgCondition)
    assert back.sha256 == plan.sha256
    assert back.conditions(EcgCondition) == plan.conditions(EcgCondition)
    assert back.seeds == plan.seeds and back.sample_ids == plan.sample_ids


def test_parquet_keeps_the_run_seed_and_the_rules(tmp_path):
    plan = make_plan(EcgCondition, 10, balance=["sex"], seed=2**62)
    plan.write(tmp_path / "plan.parquet")
    for condition_type in (None, EcgCondition):
        back = CohortPlan.read(tmp_path / "plan.parquet", condition_type)
        assert back.run_seed == 2**62 and back.rules["balance"] == ["sex"] and back.sha256 == plan.sha256


def test_a_plan_is_the_same_whatever_the_order_of_columns_and_numeric_type(tmp_path):
    (tmp_path / "a.csv").write_text("sample_id,seed,age_years,sex\na,1,40,F\nb,2,50,M\n")
    table = pa.table(
        {"sex": ["F", "M"], "age_years": pa.array([40, 50], pa.int32()), "seed": [1, 2], "sample_id": ["a", "b"]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    a, b = (CohortPlan.read(tmp_path / name, EcgCondition) for name in ("a.csv", "a.parquet"))
    assert a.sha256 == b.sha256 and a.table == b.table


def test_a_file_without_seeds_takes_them_from_the_run_seed(tmp_path):
    (tmp_path / "a.csv").write_text("sample_id,sex\na,F\nb,M\n")
    plan = CohortPlan.read(tmp_path / "a.csv", EcgCondition, run_seed=9)
    assert plan.seeds == [sample_seed(9, "a"), sample_seed(9, "b")] and plan.run_seed == 9


def test_a_file_with_seeds_takes_no_run_seed(tmp_path):
    (tmp_path / "a.csv").write_text("sample_id,seed\na,1\n")
    make_plan(EcgCondition, 3, seed=9).write(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(ValueError, match="own seeds; leave --seed 9 out"):
            CohortPlan.read(tmp_path / name, EcgCondition, run_seed=9)


def test_an_empty_list_is_not_a_list_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("sample_id,seed,noise\na,1,\nb,2,?\nc,3,muscle|powerline\n")
    conditions = CohortPlan.read(tmp_path / "a.csv", EcgCondition).conditions(EcgCondition)
    assert [c.noise for c in conditions] == [(), None, (Noise.muscle, Noise.powerline)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("sample_id,seed\n", ["no rows"]),
        ("name,seed\na,1\n", ["sample_id"]),
        ("sample_id,sex\na,F\n", ["no column seed", "--seed"]),
        ("sample_id,seed\na,1\na,2\n", ["'a'", "rows 1 and 2"]),
        ("sample_id,seed\na.b,1\n", ["row 1", "'a.b'"]),
        ("sample_id,seed\n../x,1\n", ["row 1", "'../x'"]),
        (f"sample_id,seed\n{'x' * 65},1\n", ["row 1"]),
        ("sample_id,seed\na,x\n", ["row 1", "seed 'x'"]),
        ("sample_id,seed\na,-1\n", ["row 1", "seed"]),
        (f"sample_id,seed\na,{2**63}\n", ["row 1", "seed"]),
        ("sample_id,seed,rythm\na,1,sinus\n", ["'rythm'", "did you mean 'rhythm'"]),
        ("sample_id,seed,rhythm\na,1,sinus\nb,2,sinos\n", ["row 2", "sample b", "rhythm", "did you mean 'sinus'"]),
        ("sample_id,seed,age_years\na,1,old\n", ["row 1", "age_years", "'old'"]),
        ("sample_id,seed,age_years\na,1,7\n", ["row 1", "age_years", "18"]),
        ("sample_id,seed,sex\na,1\n", ["row 1", "2 cells", "3"]),
        ("sample_id,seed,sex,sex\na,1,F,F\n", ["column 'sex'"]),
        ("sample_id,seed,kernels\na,1,{\n", ["row 1", "kernels", "JSON"]),
        ("sample_id,seed,patient_seed\na,1,1.5\n", ["row 1", "patient_seed", "whole"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_row_and_column(tmp_path, text, words):
    (tmp_path / "plan.csv").write_text(text)
    with pytest.raises(ValueError) as error:
        CohortPlan.read(tmp_path / "plan.csv", EcgCondition)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_file_that_is_no_plan_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        CohortPlan.read(tmp_path / "nowhere.csv", EcgCondition)
    (tmp_path / "plan.txt").write_text("x")
    (tmp_path / "plan.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "bytes.csv").write_bytes(b"sample_id,seed\n\xff,1\n")
    for name in ("plan.txt", "plan.parquet", "bytes.csv"):
        with pytest.raises(ValueError, match=name) as error:
            CohortPlan.read(tmp_path / name, EcgCondition)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="parquet or .csv"):
        make_plan(EcgCondition, 3).write(tmp_path / "plan.xlsx")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "plan.parquet"
    make_plan(EcgCondition, 3).write(path)
    before = path.read_bytes()
    write = Path.write_bytes

    def half(self, data):
        write(self, data[: len(data) // 2])
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError) as raised:
        make_plan(EcgCondition, 9).write(path)
    assert raised.value.errno == 28 and raised.value.filename == str(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["plan.parquet"]
