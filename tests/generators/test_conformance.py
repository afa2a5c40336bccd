"""One suite over every registered generator: seeds, batches, units, refusals."""

import json
from itertools import islice

import numpy as np
import pytest
from clinsynth.conditioning.seeds import sample_seed, stream
from clinsynth.conditioning.words import one_line
from clinsynth.generators.protocol import GENERATORS, generator_class
from learned_ecg_toy import tiny
from mri_model_toy import tiny_quick as tiny_mri
from pydantic import ValidationError
from radiograph_model_toy import tiny as tiny_radiograph
from stable_diffusion_toy import tiny as tiny_sd

EXAMPLES = {
    "ecg": [{}, {"rhythm": "atrial_fibrillation"}, {"findings": ["left_bundle_branch_block"], "twa_uv": 40}],
    "ecg-diffusion": [{}, {"rhythm": "atrial_fibrillation"}, {"sex": "F", "heart_rate_bpm": 72.0}],
    "mri": [
        {"t1": "embedded:tcga_lgg/sub-01/t1", "wanted": ["t2"]},
        {"t1": "embedded:tcga_lgg/sub-02/t1", "flair": "embedded:tcga_lgg/sub-02/flair", "sex": "F"},
        {"t2": "embedded:tcga_lgg/sub-01/t2", "wanted": ["flair", "t1ce"], "age_years": 50.0},
    ],
    "mri-phantom": [
        {"tumour": "none", "spacing_mm": 4.0},
        {"tumour": "metastasis", "tumour_count": 2, "spacing_mm": 4.0},
        {"sex": "F", "age_years": 71.0, "protocol": "randomised", "spacing_mm": 4.0},
    ],
    "radiograph": [{}, {"sex": "F", "age_years": 40.0}, {"view": "ap", "findings": ["effusion"]}],
    "radiograph-sd": [{}, {"sex": "F", "age_years": 61.0, "findings": ["effusion"]}, {"text": "Clear lungs. " * 20}],
}
# What a learned generator is stood in for: its own class, small and untrained.
UNTRAINED = {
    "ecg-diffusion": tiny,
    "mri": tiny_mri,
    "radiograph": tiny_radiograph,
    "radiograph-sd": tiny_sd,
}


@pytest.fixture(params=sorted(GENERATORS))
def case(request):
    cls = generator_class(request.param)
    made = UNTRAINED.get(request.param, cls)()
    assert type(made) is cls
    return made, [cls.condition_type(**kw) for kw in EXAMPLES[request.param]]


def same(a, b):
    return all(np.array_equal(a.arrays[k], b.arrays[k]) for k in a.arrays) and a.truth == b.truth


def test_the_same_seed_gives_the_same_bytes(case):
    generator, conditions = case
    seeds = [sample_seed(1, f"s{k}") for k in range(len(conditions))]
    for a, b in zip(generator.generate(conditions, seeds), generator.generate(conditions, seeds), strict=True):
        assert same(a, b)


def test_batch_and_order_do_not_matter(case):
    generator, conditions = case
    many, seeds = conditions * 3, list(range(len(conditions) * 3))
    together = list(generator.generate(many, seeds))
    for k in reversed(range(len(many))):
        assert same(next(iter(generator.generate([many[k]], [seeds[k]]))), together[k])


def test_seeds_that_differ_above_bit_32_give_other_samples(case):
    generator, conditions = case
    a, b = generator.generate([conditions[0]] * 2, [5, 5 + 2**40])
    assert not same(a, b)


def test_records_are_finite_labelled_and_synthetic(case):
    generator, conditions = case
    for record in generator.generate(conditions, range(len(conditions))):
        assert record.synthetic and record.provenance["generator"] == generator.name
        for name, array in record.arrays.items():
            kinds = (np.uint8,) if name == "segmentation" else (np.float32, np.float64)
            assert np.isfinite(array).all() and array.dtype in kinds
        assert record.geometry.unit
        json.dumps(dict(record.truth)), json.dumps(dict(record.provenance))


def test_complete_conditions_round_trip_and_make_the_same_sample(case):
    generator, conditions = case
    for record in generator.generate(conditions, range(len(conditions))):
        text = record.condition.model_dump_json(exclude_none=True)
        assert type(record.condition).model_validate_json(text) == record.condition


def test_unknown_fields_are_refused_by_name(case):
    generator, _ = case
    with pytest.raises(ValidationError) as e:
        generator.condition_type(no_such_field=1)
    assert "no_such_field" in one_line(e.value, generator.condition_type)


def test_generation_is_lazy(case):
    generator, conditions = case
    assert len(list(islice(generator.generate(conditions * 1000, list(range(3000))), 2))) == 2


def test_config_is_json(case):
    json.dumps(case[0].config())


def test_a_million_ids_give_no_repeated_seed():
    assert len({sample_seed(0, f"{k:07d}") for k in range(1_000_000)}) == 1_000_000


def test_streams_are_independent_and_stable():
    a, b = stream(3, "x").standard_normal(1000), stream(3, "y").standard_normal(1000)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.1
    assert np.array_equal(a, stream(3, "x").standard_normal(1000))
    assert 0 <= sample_seed(0, "ecg-000000") < 2**63
