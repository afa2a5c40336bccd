"""The sealed files of a data set, and how samples, shards and parts belong together."""

import json
import subprocess
import sys

import pytest
from clinsynth.conditioning.dataset.layout import owner, part_shards, shard_count, shard_name, shard_samples
from clinsynth.conditioning.dataset.schema import DamagedDataset, Quarantined, Receipt, seal, unseal
from hypothesis import given
from hypothesis import strategies as st

RECEIPT = Receipt(
    shard=3,
    ids=("a", "b", "c"),
    count=2,
    quarantined=(Quarantined(sample_id="b", reason="flat", detail="lead I is flat"),),
    files={"manifest.parquet": "0" * 64},
    recipe_sha256="1" * 64,
)
SEALED = seal(RECEIPT)


def test_a_sealed_file_reads_back():
    assert unseal(SEALED, Receipt, "r.json") == RECEIPT
    assert RECEIPT.written_ids == ["a", "c"]


@given(st.integers(0, len(SEALED) - 2))
def test_a_cut_receipt_is_damage(length):
    with pytest.raises(DamagedDataset, match="r.json is not a sealed JSON file"):
        unseal(SEALED[:length], Receipt, "r.json")


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_never_changes_what_is_believed(at, flip):
    raw = bytearray(SEALED)
    raw[at] ^= flip
    try:
        found = unseal(bytes(raw), Receipt, "r.json")
    except DamagedDataset as error:
        assert "\n" not in str(error) and error.exit_code == 4
    else:
        assert found == RECEIPT  # white space


def test_a_field_too_many_is_damage_even_under_a_good_seal():
    body = json.loads(SEALED) | {"extra": 1}
    with pytest.raises(DamagedDataset):
        unseal(json.dumps(body).encode(), Receipt, "r.json")


@given(n=st.integers(1, 5000), size=st.integers(1, 700), workers=st.integers(1, 9))
def test_parts_and_shards_cut_the_plan_without_gap_or_overlap(n, size, workers):
    shards = shard_count(n, size)
    dealt = [k for w in range(workers) for k in part_shards(shards, (w, workers))]
    assert sorted(dealt) == list(range(shards))
    assert [i for k in range(shards) for i in shard_samples(k, n, size)] == list(range(n))
    assert all(k % workers == w for w in range(workers) for k in part_shards(shards, (w, workers)))


@pytest.mark.parametrize("part", [(1, 1), (-1, 2), (0, 0), (3, 2)])
def test_a_part_that_does_not_exist_is_refused(part):
    with pytest.raises(ValueError, match="0 <= w < W"):
        part_shards(4, part)


@given(st.integers(0, 10**7))
def test_entries_of_a_shard_are_known_by_name(k):
    own = shard_name(k)
    for entry in (own, f"{own}.json", f"{own}.tar", f"{own}.manifest.parquet", f".tmp-{own}", f".tmp-{own}.json"):
        assert owner(entry) == k
    for stranger in ("notes.txt", f"{own}x", f"x{own}", ".tmp-", "12"):
        assert owner(stranger) is None


def test_the_data_set_package_is_light():
    code = "import sys, clinsynth.conditioning.dataset\n"
    code += "assert not {'torch', 'pyarrow', 'wfdb', 'pandas', 'matplotlib'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
