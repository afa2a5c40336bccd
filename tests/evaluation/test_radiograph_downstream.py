"""The findings task: what it is trained on, what it is told, whom it misses, and whether a gain is one."""

import numpy as np
import pytest
import torch
from clinsynth.conditioning.radiograph import Finding, RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.conditioning.seeds import stream
from clinsynth.evaluation.comparison import Interval
from clinsynth.evaluation.downstream import Outcomes, run_arms
from clinsynth.evaluation.downstream.arms import REAL, SAME_COMPUTE
from clinsynth.evaluation.radiograph.downstream import (
    FindingsResult,
    FindingsSettings,
    FindingsTask,
    Radiographs,
    findings_of,
    findings_sections,
    findings_task,
    nested,
    read_site,
)
from clinsynth.evaluation.radiograph.downstream.classifier import Classifier, assigned, share_threshold
from clinsynth.evaluation.radiograph.downstream.examples import squared
from clinsynth.evaluation.radiograph.downstream.fairness import cells, compared, gap, noise_gap
from clinsynth.evaluation.radiograph.downstream.network import augmented, findings_loss, positive_weight
from clinsynth.evaluation.radiograph.downstream.page import FLAG, cell_table
from clinsynth.evaluation.radiograph.downstream.proof import HELD_OUT, judged_cells, within
from clinsynth.evaluation.radiograph.downstream.settings import findings_arms
from clinsynth.evaluation.radiograph.downstream.task import Told, gap_name
from clinsynth.evaluation.realism.resampling import patient_weights
from fairlearn.metrics import MetricFrame, false_positive_rate
from PIL import Image
from sklearn import metrics as library

NAMES = ("no_finding", "effusion")


def made(rng, patients, tag, *, images=2, contrast=0.35, noise=0.15, synthetic=False, side=32):
    """Images of noise; an effusion, which one in two has, is a bright blob in the lower left."""
    y, x = np.mgrid[:side, :side] / side
    records = []
    for p in range(patients):
        sex, age = ("F", "M")[p % 2], float(rng.uniform(20, 90))
        for k in range(images):
            sick = bool(rng.integers(2))
            at = rng.uniform(0.6, 0.8), rng.uniform(0.2, 0.4)
            blob = contrast * sick * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 0.02)
            image = np.clip(0.4 + blob + noise * rng.normal(size=(side, side)), 0, 1).astype(np.float32)
            said = {"findings": ["effusion"], "absent": ["no_finding"]} if sick else {"findings": ["no_finding"]}
            who = {"sex": sex, "age_years": age, "view": ("pa", "ap")[int(rng.integers(2))]}
            condition = RadiographCondition(**said, **who, patient_id=None if synthetic else f"{tag}{p}")
            about = {"synthetic": synthetic}
            records.append(
                Record(f"{tag}{p}_{k}", {"image": image}, condition, ImageGeometry((1.0, 1.0)), about)
            )  # fmt: skip
    return records


def radiographs(seed=0, patients=12, tag="p", **other):
    return Radiographs.of(made(np.random.default_rng(seed), patients, tag, **other), NAMES, size=16)


def told(rng, n, *, miss=lambda a: np.zeros(len(a)), sick=0.5):
    """Rows of `n` patients whose sick ones are called healthy with a chance that depends on who they are."""
    attribute = np.column_stack([rng.integers(0, 2, n), rng.integers(0, 4, n), rng.integers(0, 2, n)])
    ill = rng.random(n) < sick
    healthy = np.where(ill, rng.random(n) < miss(attribute), True)
    label = np.column_stack([~ill, ill]).astype(float)
    score = np.column_stack([np.where(healthy, 1.0, -1.0), np.where(healthy, -1.0, 1.0)])
    return Told(label, score, healthy, attribute, np.arange(n))


def outcomes(t):
    return Outcomes(t.values(), [f"t{k}" for k in t.patient])


# Whom a classifier misses


def test_a_perfect_classifier_has_no_gap_and_finds_all():
    t = told(np.random.default_rng(0), 400)
    found = FindingsTask(NAMES).measure(t.values(), np.ones((1, 400)))
    gaps = [v[0] for name, v in found.items() if "gap" in name]
    assert len(gaps) == 6 and all(g == 0 for g in gaps)
    assert found["underdiagnosis"] == 0 == found["overdiagnosis"]
    assert found["macro AUROC"] == found["accuracy"] == found["balanced accuracy"] == 1


def test_a_classifier_biased_by_sex_has_the_gap_that_it_was_given():
    sex = np.repeat([0, 1], 100)
    healthy = np.concatenate([np.arange(100) < 30, np.arange(100) < 10])  # 30 of 100 women missed, 10 of 100 men
    attribute = np.column_stack([sex, np.full(200, 2), np.zeros(200, dtype=int)])
    label = np.column_stack([np.zeros(200), np.ones(200)])
    t = Told(label, np.zeros((200, 2)), healthy, attribute, np.arange(200))
    found = FindingsTask(NAMES).measure(t.values(), np.ones((1, 200)))
    assert found[gap_name(("sex",))][0] == pytest.approx(0.20)
    assert found["underdiagnosis"][0] == pytest.approx(0.20)
    assert np.isnan(found[gap_name(("view",))]).all()  # one view only: nothing to compare


@pytest.mark.parametrize("axis", [("sex",), ("age band",), ("view",), ("sex", "age band"), ("sex", "view")])
def test_gaps_are_those_of_fairlearn(axis):
    t = told(np.random.default_rng(1), 900, miss=lambda a: 0.1 + 0.3 * a[:, 0] + 0.1 * a[:, 1])
    columns = [("sex", "age band", "view").index(name) for name in axis]
    frame = MetricFrame(
        metrics=false_positive_rate, y_true=(~t.sick).astype(int), y_pred=t.healthy.astype(int),
        sensitive_features=t.attribute[:, columns],
    )  # fmt: skip
    ours = FindingsTask(NAMES).measure(t.values(), np.ones((1, 900)))[gap_name(axis)][0]
    assert ours == pytest.approx(frame.difference())


def test_weights_count_as_often_as_rows_that_stand_there_so_often():
    """With so many patients that all cells stay large enough."""
    t = told(np.random.default_rng(2), 1200, miss=lambda a: 0.2 + 0.4 * a[:, 0])
    weight = np.random.default_rng(3).integers(0, 3, (1, 1200)).astype(float)
    task, again = FindingsTask(NAMES), np.repeat(np.arange(1200), weight[0].astype(int))
    whole = task.measure(t.values(), weight)
    repeated = task.measure(t.values()[again], np.ones((1, len(again))))
    for name, value in whole.items():
        np.testing.assert_allclose(value, repeated[name], err_msg=name)


def test_accuracies_and_auroc_are_those_of_scikit_learn():
    rng = np.random.default_rng(4)
    t = told(rng, 200)
    t = Told(t.label, rng.normal(size=(200, 2)), rng.random(200) > 0.4, t.attribute, t.patient)
    found = FindingsTask(NAMES).measure(t.values(), np.ones((1, 200)))
    called = ~t.healthy
    assert found["accuracy"][0] == pytest.approx(library.accuracy_score(t.sick, called))
    assert found["balanced accuracy"][0] == pytest.approx(library.balanced_accuracy_score(t.sick, called))
    assert found["AUROC effusion"][0] == pytest.approx(library.roc_auc_score(t.label[:, 1], t.score[:, 1]))


def test_a_finding_is_judged_by_the_rows_that_say_something_of_it():
    rng = np.random.default_rng(5)
    t = told(rng, 100)
    score = rng.normal(size=(100, 2))
    label = t.label.copy()
    label[50:, 1] = np.nan
    found = FindingsTask(NAMES).measure(
        Told(label, score, t.healthy, t.attribute, t.patient).values(), np.ones((1, 100))
    )
    assert found["AUROC effusion"][0] == pytest.approx(library.roc_auc_score(label[:50, 1], score[:50, 1]))


def test_a_cell_with_nine_sick_patients_is_shown_and_not_compared():
    """Forty images of nine patients are nine patients."""
    patient = np.concatenate([np.arange(9).repeat(5), 100 + np.arange(10)])
    view = np.where(patient < 100, 1, 0)
    attribute = np.column_stack([np.zeros(55, dtype=int), np.full(55, 2), view])
    sick = np.ones(55, dtype=bool)
    assert set(cells(("view",), attribute)) == {"pa", "ap"}
    assert set(compared(("view",), attribute, sick, patient)) == {"pa"}
    assert set(compared(("view",), attribute, sick, patient, fewest=9)) == {"pa", "ap"}
    label = np.column_stack([np.zeros(55), np.ones(55)])
    t = Told(label, np.zeros((55, 2)), view == 1, attribute, patient)
    arms = findings_arms(1, synthetic=False, augment=False)
    found = {arm.name: [outcomes(t)] * 3 for arm in arms}
    rows, noise = judged_cells(FindingsTask(NAMES), arms, (0, 1, 2), found, 50)
    views = {r.cell: r for r in rows if r.axis == "view" and r.arm == REAL}
    assert views["ap"].rate.value == 1 and views["ap"].rate.n == 9 and not views["ap"].compared
    assert views["pa"].rate.value == 0 and views["pa"].images == 10 and views["pa"].compared
    assert all(n.gap is None for n in noise)


def test_unstated_attributes_belong_to_no_cell():
    attribute = np.array([[-1, 0, 0], [0, -1, 1], [1, 2, -1]])
    assert {k: v.tolist() for k, v in cells(("sex",), attribute).items()} == {
        "F": [False, True, False], "M": [False, False, True]
    }  # fmt: skip
    assert not cells(("age band", "view"), attribute[1:2])


def test_noise_explains_the_gap_of_equal_treatment_and_not_that_of_a_bias():
    rng, under = np.random.default_rng(6), {"equal": 0, "biased": 0}
    for _ in range(40):
        for name, slope in (("equal", 0.0), ("biased", 0.5)):
            t = told(rng, 240, miss=lambda a, s=slope: 0.2 + s * a[:, 0])
            (weight,) = patient_weights([[str(p) for p in t.patient]], 200, rng)
            cell = compared(("sex",), t.attribute, t.sick, t.patient)
            noise = noise_gap(cell, t.sick, t.healthy, weight)
            under[name] += gap(cell, t.sick, t.healthy, np.ones((1, 240)))[0] <= noise
    assert under["equal"] >= 33 and under["biased"] <= 2  # 95 % and next to none are expected


# What is trained on


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_nested_by_patient_and_hold_both_classes(seed):
    rows = radiographs(1, 60, images=3)
    shares = nested(rows, (0.05, 0.1, 0.25, 1.0), seed)
    sets = [set(part.patient) for part in shares.values()]
    assert [len(s) for s in sets] == [3, 6, 15, 60]
    assert all(a < b for a, b in zip(sets[:-1], sets[1:], strict=True))
    for part in shares.values():
        assert len(part) == sum(p in set(part.patient) for p in rows.patient)  # all images of a patient
        assert set(part.labels) == {"healthy", "sick"}
    ill = {p for p, label in zip(rows.patient, rows.labels, strict=True) if label == "sick"}
    for is_in in (lambda p: int(p[1:]) % 2 == 0, lambda p: p in ill):  # women; ever sick
        whole, part = (np.mean([is_in(p) for p in s]) for s in (sets[3], sets[2]))
        assert abs(part - whole) < 0.15
    assert shares[0.25].fingerprint() == nested(rows, (0.25,), seed)[0.25].fingerprint()
    assert shares[0.1].fingerprint() != nested(rows, (0.1,), seed + 100)[0.1].fingerprint()


@pytest.mark.parametrize("shares", [(), (0.0,), (0.5, 0.5), (1.2,)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        nested(radiographs(), shares, 0)


def test_findings_need_patients_not_images():
    rng = np.random.default_rng(7)
    many = made(rng, 30, "a")
    assert findings_of(many) == NAMES
    one = [r for r in many if r.condition.state(Finding.effusion)][:1] * 40
    healthy = [r for r in many if not r.condition.state(Finding.effusion)]
    with pytest.raises(ValueError, match="10 patients each"):
        findings_of([*one, *healthy])


def test_one_class_and_a_patient_on_both_sides_are_refused():
    rng = np.random.default_rng(8)
    train, test, quick = made(rng, 30, "a"), made(rng, 12, "b"), FindingsSettings(steps=1, size=16, resamples=10)
    healthy = [r for r in test if r.condition.state(Finding.no_finding)]
    with pytest.raises(ValueError, match="one class only"):
        findings_task(train, [], [*healthy, *made_healthy(healthy)], quick)
    with pytest.raises(ValueError, match="split by patient"):
        findings_task(train, [], [*test, train[0]], quick)
    with pytest.raises(ValueError, match="synthetic.*one class only"):
        sick = [r for r in made(rng, 40, "s", synthetic=True) if not r.condition.state(Finding.no_finding)]
        findings_task(train, sick, test, quick)


def made_healthy(records):
    """The same images of more patients, so that their number is not what is refused."""
    return [
        Record(f"{r.record_id}+", r.arrays, r.condition.model_copy(update={"patient_id": f"more{k}"}), r.geometry,
               r.provenance)
        for k, r in enumerate(records)
    ]  # fmt: skip


def test_a_record_that_says_nothing_is_left_out_and_one_of_another_kind_refused():
    records = made(np.random.default_rng(9), 6, "a")
    silent = Record("x", records[0].arrays, RadiographCondition(sex="F"), records[0].geometry, {})
    assert len(Radiographs.of([*records, silent], NAMES, size=16)) == len(records)
    with pytest.raises(ValueError, match="no record of far says"):
        Radiographs.of([silent], NAMES, site="far")
    with pytest.raises(ValueError, match="RadiographCondition is needed"):
        findings_of([Record("x", {}, None, records[0].geometry, {})])
    with pytest.raises(ValueError, match="'image'"):
        Radiographs.of([Record("x", {}, records[0].condition, records[0].geometry, {})], NAMES)


def test_images_of_any_size_become_square_by_means():
    image = np.random.default_rng(10).random((64, 96)).astype(np.float32)
    small = squared(image, 16)
    np.testing.assert_allclose(small, image[:, 16:80].reshape(16, 4, 16, 4).mean((1, 3)), atol=1e-6)
    assert squared(image, 100).shape == (100, 100)
    np.testing.assert_array_equal(squared(np.full((40, 30), 0.5, np.float32), 16), 0.5)


def test_mixed_data_are_half_of_each_side():
    small, large = radiographs(1, 3), radiographs(2, 40, "s", synthetic=True)
    both = small.halved_with(large)
    assert both.weight[~both.synthetic].sum() == pytest.approx(both.weight[both.synthetic].sum())
    with pytest.raises(ValueError, match="other|different"):
        small.and_(Radiographs.of(made(np.random.default_rng(0), 3, "z"), NAMES, size=32))


# How it is trained


def test_a_rare_finding_weighs_more_up_to_a_limit_and_nothing_said_counts_for_nothing():
    label = np.array([[1.0, 1], [0, np.nan], [0, np.nan], [0, 0]])
    np.testing.assert_allclose(positive_weight(label, np.ones(4)), [3, 1])
    rare = np.concatenate([[1.0], np.zeros(500)])[:, None]
    assert positive_weight(rare, np.ones(501)) == 10 and positive_weight(np.zeros((5, 1)), np.ones(5)) == 1
    logits = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    weight, y = torch.tensor([3.0, 1.0]), torch.from_numpy(label).float()
    known = ~torch.isnan(y)
    each = -(weight * y * torch.nn.functional.logsigmoid(logits) + (1 - y) * torch.nn.functional.logsigmoid(-logits))
    assert torch.allclose(findings_loss(logits, y, weight), each[known].mean())


def test_augmentation_moves_and_never_mirrors():
    """A bright left half stays on the left, an image is never its mirror image, and values stay in range."""
    image = torch.zeros(64, 1, 32, 32)
    image[:, :, :, :16] = 0.8
    moved = augmented(image, stream(0, "test"))
    left, right = moved[..., :16].mean((1, 2, 3)), moved[..., 16:].mean((1, 2, 3))
    assert (left > right + 0.3).all() and len({round(float(v), 6) for v in left}) > 32
    assert moved.min() >= 0 and moved.max() <= 1
    assert torch.equal(moved, augmented(image, stream(0, "test")))


def test_training_is_a_function_of_its_seed_and_leaves_its_start_as_it_was():
    rows = radiographs()
    start = Classifier.initial(NAMES, 0, folds=1)
    before = start.logits(rows)
    one, same, other = (start.trained(rows, 3, s, learning_rate=1e-2, augment=True) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.logits(rows), same.logits(rows))
    assert one.threshold == same.threshold and not np.array_equal(one.logits(rows), other.logits(rows))
    np.testing.assert_array_equal(start.logits(rows), before)
    np.testing.assert_array_equal(Classifier.initial(NAMES, 0, folds=1).logits(rows), before)


def test_a_network_does_not_see_its_fold_in_any_stage():
    """Other pixels for the fold's patients change nothing in the network that is asked about them."""
    rows = radiographs(3, 16)
    fold = assigned(rows, {}, 2)
    mine = np.array([fold[p] for p in rows.patient]) == 0
    pixels = np.where(mine[:, None, None], 1 - rows.image, rows.image).astype(np.float16)
    changed = Radiographs(**{**vars(rows), "image": pixels})
    trained = []
    for data in (rows, changed):
        once = Classifier.initial(NAMES, 0).trained(data, 2, 1, learning_rate=1e-2, augment=False)
        trained.append(once.trained(data, 2, 2, learning_rate=1e-2, augment=False))
    first, second = (t.logits(rows, 1) for t in trained)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(trained[0].logits(rows, 2), trained[1].logits(rows, 2))


def test_folds_hold_alike_and_stay():
    rows = radiographs(4, 21)
    fold = assigned(rows, {}, 2)
    assert abs(np.bincount(list(fold.values())) - 10.5).max() == 0.5
    more = assigned(radiographs(4, 40), fold, 2)
    assert all(more[name] == k for name, k in fold.items()) and len(more) == 40


def test_the_threshold_calls_as_many_healthy_as_are():
    score = np.random.default_rng(11).normal(size=200)
    for share in (0.0, 0.2, 0.5, 1.0):
        assert (score > share_threshold(score, share)).mean() == pytest.approx(share)


def test_the_threshold_is_for_real_images():
    """In mixed data synthetic rows do not move it, whatever their share of healthy ones."""
    real, made_rows = radiographs(5, 20), radiographs(6, 40, "s", synthetic=True)
    task = FindingsTask(NAMES)
    model = task.train(task.join(real, made_rows), task.initial(0), 0, 2, augment=False)
    fold = np.array([model.fold[p] for p in real.patient])
    unseen = np.where(fold == 0, model.logits(real, 1)[:, 0], model.logits(real, 2)[:, 0])
    assert (unseen > model.threshold).mean() == pytest.approx((real.label[:, 0] == 1).mean())


def test_every_seed_may_have_its_own_data():
    rows, test = radiographs(7, 20), radiographs(8, 12, "t")
    task, arms = FindingsTask(NAMES), findings_arms(1, synthetic=False, augment=False)
    same = run_arms(task, lambda seed: {REAL: rows}, test, arms, (0, 1, 2))
    plain = run_arms(task, {REAL: rows}, test, arms, (0, 1, 2))
    asked = []

    def drawn(seed):
        asked.append(seed)
        return {REAL: nested(rows, (0.5,), seed)[0.5]}

    other = run_arms(task, drawn, test, arms, (0, 1, 2))
    assert set(asked) == {0, 1, 2}
    for k in range(3):
        a, b, c = (r.outcomes[REAL][k].values for r in (same, plain, other))
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    with pytest.raises(ValueError, match="split by patient"):
        run_arms(task, lambda seed: {REAL: rows.and_(test) if seed == 2 else rows}, test, arms, (0, 1, 2))


# The whole


def run_quickly(folder):
    rng = np.random.default_rng(12)
    sides = (made(rng, 24, "a", side=16), made(rng, 30, "s", synthetic=True, side=16), made(rng, 22, "b", side=16))
    asked = FindingsSettings(steps=1, size=16, shares=(0.25, 1.0), resamples=20)
    return findings_task(*sides, asked, sites={"far": made(rng, 12, "f", side=20)}, folder=folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arms")
    return run_quickly(folder), folder


def test_the_whole_is_found_again_and_said_on_a_page(whole):
    result, folder = whole
    files = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = run_quickly(folder)
    assert len(files) == 3 * (17 + 5) and files == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert again == result == FindingsResult.model_validate_json(result.model_dump_json())
    assert {(s.site, s.share) for s in result.shares} == {(w, x) for w in (HELD_OUT, "far") for x in (0.25, 1.0)}
    arms = [arm.name for arm in result.shares[0].result.arms]
    assert len(arms) == 9 and {"real", "synthetic", "mixed", "synthetic -> real", SAME_COMPUTE} <= set(arms)
    steps = {arm.name: arm.steps for arm in result.shares[0].result.arms}
    assert steps["synthetic -> real"] == steps[SAME_COMPUTE] == 2 * steps["real"] == 2 * steps["mixed"]
    sections = findings_sections(result)
    assert [s.name for s in sections] == ["findings-held-out", "findings-far"]
    for table in (t for s in sections for t in s.tables):
        assert {len(row) for row in table.rows} == {len(table.head)}
    for share in result.shares:
        for row in share.result.rows:
            assert row.result.value is None or 0 <= row.result.low <= row.result.value <= row.result.high <= 1
    small = [r for r in cell_table(result, result.tests[1], 1.0).rows if FLAG in r[0].text]
    assert small  # twelve patients fill few cells


def test_the_synthetic_arm_is_the_same_at_every_share_and_smaller_data_give_other_models(whole):
    result = whole[0]
    few, all_of_it = (result.at(HELD_OUT, share).result for share in (0.25, 1.0))
    assert few.row("synthetic", "macro AUROC") == all_of_it.row("synthetic", "macro AUROC")
    assert few.row("real", "macro AUROC") != all_of_it.row("real", "macro AUROC")


def test_intervals_are_cut_to_what_can_be():
    x = within(Interval(value=0.5, low=-0.2, high=1.1, n=3))
    assert (x.low, x.value, x.high) == (0, 0.5, 1)
    assert within(Interval(value=None, low=None, high=None, n=0)).value is None


@pytest.mark.slow
def test_a_copy_of_the_real_data_brings_no_gain_and_good_synthetic_data_do():
    """Sixty patients, of which three are had; four hundred synthetic ones of the same kind, or the three again."""
    rng = np.random.default_rng(13)
    train, test = made(rng, 60, "a", contrast=0.25), made(rng, 80, "b", contrast=0.25)
    asked = FindingsSettings(steps=40, size=16, shares=(1.0,), resamples=300, augment=False)
    copies = [
        Record(f"copy{k}", r.arrays, r.condition.model_copy(update={"patient_id": None}), r.geometry,
               {"synthetic": True})
        for k, r in enumerate(train)
    ]  # fmt: skip
    copied = findings_task(train, copies, test, asked)
    same = copied.at(HELD_OUT, 1.0).result.difference("synthetic -> real", SAME_COMPUTE, "macro AUROC")
    assert abs(same.difference.value) < 0.03 and same.verdict == "open"
    few = asked.model_copy(update={"shares": (0.05,)})
    good = findings_task(train, made(rng, 400, "s", contrast=0.25, synthetic=True), test, few)
    gain = good.at(HELD_OUT, 0.05).result.difference("synthetic -> real", SAME_COMPUTE, "macro AUROC")
    assert gain.verdict == "better" and gain.difference.value > 0.05


# Other sites


def site(folder, rows):
    (folder / "images").mkdir(parents=True)
    for k, _ in enumerate(rows):
        Image.fromarray(np.full((20, 20), 10 * k, np.uint8)).save(folder / "images" / f"{k}.png")
    lines = [f"images/{k}.png,p{k},{','.join(row)}" for k, row in enumerate(rows)]
    (folder / "metadata.csv").write_text("\n".join(["image,patient_id,sex,age,view,findings", *lines]) + "\n")
    return folder


def test_a_site_says_what_its_words_mean(tmp_path):
    rows = [("F", "50", "AP Supine", "COVID-19|ARDS"), ("", "", "AP", "Normal"), ("M", "3", "PA", "not stated")]
    sick, healthy, silent = list(read_site(site(tmp_path / "far", rows)))
    assert sick.condition.view == "ap" and sick.condition.sex == "F" and sick.arrays["image"].dtype == np.float32
    states = [sick.condition.state(f) for f in (Finding.no_finding, Finding.lung_opacity, Finding.effusion)]
    assert states == [False, True, None]
    assert healthy.condition.state(Finding.effusion) is False and healthy.condition.sex is None
    assert silent.condition.state(Finding.no_finding) is None
    rows = Radiographs.of([sick, healthy, silent], ("no_finding", "lung_opacity"), size=16, site="far")
    assert rows.label.tolist() == [[0, 1], [1, 0]] and rows.patients == ("p0", "p1")


def test_a_site_that_cannot_be_read_is_refused_in_one_line(tmp_path):
    with pytest.raises(ValueError, match="has no metadata.csv"):
        read_site(tmp_path)
    with pytest.raises(ValueError, match=r"far/metadata.csv, row 1: finding 'pneumona' is not known, did you mean"):
        list(read_site(site(tmp_path / "far", [("F", "50", "PA", "pneumona")])))
    broken = site(tmp_path / "broken", [("F", "50", "PA", "Normal")])
    (broken / "images" / "0.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="broken/metadata.csv, row 1: "):
        list(read_site(broken))
    (broken / "metadata.csv").write_text("image,findings\n0.png,Normal\n")
    with pytest.raises(ValueError, match="no column 'patient_id'"):
        read_site(broken)
