"""A table's downstream task: what it is told and finds, its metrics, its controls, and data that cannot be judged."""

from types import SimpleNamespace

import numpy as np
import pytest
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.evaluation.downstream import auroc, compare_arms, correlation, delong, f1, r2, run_arms
from clinsynth.evaluation.downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC
from clinsynth.evaluation.realism.resampling import patient_weights
from clinsynth.evaluation.report import Page, html
from clinsynth.evaluation.table.downstream import (
    Examples,
    TableTaskResult,
    TableTaskSettings,
    examples_of,
    kinds_of,
    table_task,
    table_task_findings,
    table_task_sections,
)
from clinsynth.evaluation.table.downstream.arms import FIRST, MIXED, at_share, pairs, table_arms
from clinsynth.evaluation.table.downstream.finding_boxes import THRESHOLDS, box_measures, box_rows, iou, matched
from clinsynth.evaluation.table.downstream.overlap import dice, hausdorff95
from clinsynth.evaluation.table.downstream.prepared import coding_of, prepared
from clinsynth.evaluation.table.downstream.proof import _task
from clinsynth.evaluation.table.downstream.shares import nested
from clinsynth.evaluation.table.downstream.sizing import sized_boxes, sized_mask
from sklearn import metrics as library

QUICK = TableTaskSettings(shares=(1.0,), steps=12, baselines=False, pretraining=(), probes=False, sites=0, adapt=False,
                          resamples=40, batch=10, fairness=False, robustness=False)  # fmt: skip


def discs(seed, n, tag, *, side=16, contrast=2.5, shuffle=False, sites=("a", "b")):
    """Noise; every second sample holds a bright disc, and says so in every way there is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    images = rng.normal(0, 1, (n, 1, side, side)).astype(np.float32)
    there = np.arange(n) % 2 == 1
    masks, boxes = np.zeros((n, side, side), dtype=np.int64), []
    for k in range(n):
        c, radius = rng.uniform(0.3 * side, 0.7 * side, 2), side * rng.uniform(0.14, 0.22)
        inside = ((y - c[0]) ** 2 + (x - c[1]) ** 2 < radius**2) & there[k]
        images[k, 0][inside] += contrast
        masks[k][inside] = 1
        at = np.argwhere(inside)
        boxes.append(np.array([[*at.min(0), *(at.max(0) + 1)]], dtype=float) if len(at) else np.zeros((0, 4)))
    order = rng.permutation(n) if shuffle else np.arange(n)
    return Examples(
        images, tuple(f"{tag}{k}" for k in range(n)),
        labels=tuple("disc" if there[k] else "none" for k in order),
        targets=np.where(there, 5.0, 1.0)[order],
        masks=masks[order], boxes=tuple(boxes[k] for k in order),
        box_labels=tuple(("disc",) * len(boxes[k]) for k in order),
        sites=tuple(sites[k // 2 % len(sites)] for k in range(n)),
        groups={"sex": tuple("FM"[k // 2 % 2] for k in range(n))},
    )  # fmt: skip


def only(examples, *names):
    """Return examples of which only some columns are said."""
    gone = {"labels", "targets", "masks", "boxes", "box_labels"} - set(names)
    return Examples(**{**vars(examples), **dict.fromkeys(gone)})


def quick(**other):
    return QUICK.model_copy(update=other)


# DeLong


def slow_delong(label, a, b):
    """Areas' difference and its variance by DeLong, one row a patient, over all pairs."""
    v10, v01 = [], []
    for s in (a, b):
        up, down = s[label == 1][:, None], s[label == 0][None]
        order = (up > down) + 0.5 * (up == down)
        v10.append(order.mean(1)), v01.append(order.mean(0))
    s10, s01 = np.cov(v10), np.cov(v01)
    c = s10 / len(v10[0]) + s01 / len(v01[0])
    return v10[0].mean() - v10[1].mean(), c[0, 0] + c[1, 1] - 2 * c[0, 1], c[0, 0]


def scored(seed, n=60, ties=True):
    rng = np.random.default_rng(seed)
    label = (np.arange(n) % 3 == 0).astype(float)
    shared = rng.normal(size=n)
    a, b = label + shared + rng.normal(size=n), 0.6 * label + shared + rng.normal(size=n)
    return label, *((np.round(a), np.round(b)) if ties else (a, b))


@pytest.mark.parametrize("ties", [True, False])
def test_delong_is_its_closed_form_over_all_pairs_and_its_areas_are_scikit_learns(ties):
    label, a, b = scored(0, ties=ties)
    found = delong(label[:, None], np.stack([a, b])[:, None, :, None], [str(k) for k in range(60)])
    gap, variance, own = slow_delong(label, a, b)
    assert found.auroc == pytest.approx([library.roc_auc_score(label, a), library.roc_auc_score(label, b)])
    result, p = found.difference(0, 1)
    assert result.value == pytest.approx(gap) and result.high - gap == pytest.approx(1.96 * variance**0.5, rel=1e-3)
    assert found.covariance[0, 0] == pytest.approx(own) and 0 < p < 1


def test_delong_p_agrees_with_a_permutation_of_the_two_models():
    label, a, b = scored(4, n=90, ties=False)
    names = [str(k) for k in range(90)]
    _, p = delong(label[:, None], np.stack([a, b])[:, None, :, None], names).difference(0, 1)
    rank = np.stack([a.argsort().argsort(), b.argsort().argsort()])
    rng = np.random.default_rng(0)

    def gap(ranks):
        first, second = (auroc(label > 0, r.astype(float))[0] for r in ranks)
        return first - second

    swapped = []
    for _ in range(600):
        swap = rng.random(90) < 0.5
        swapped.append(gap(np.where(swap, rank[::-1], rank)))
    assert np.mean(np.abs(swapped) >= abs(gap(rank))) == pytest.approx(p, abs=0.06)


def test_delong_knows_that_rows_of_one_patient_are_no_new_evidence():
    label, a, b = scored(1, n=40)
    names = [str(k) for k in range(40)]
    once = delong(label[:, None], np.stack([a, b])[:, None, :, None], names)
    thrice = delong(np.tile(label, 3)[:, None], np.stack([np.tile(a, 3), np.tile(b, 3)])[:, None, :, None], names * 3)
    assert thrice.covariance == pytest.approx(once.covariance) and thrice.auroc == pytest.approx(once.auroc)


def test_delong_of_the_mean_of_seeds_and_classes_is_that_of_the_bootstrap():
    rng = np.random.default_rng(2)
    label = rng.integers(0, 2, (300, 2)).astype(float)
    score = label[None, None] + rng.normal(0, 1.5, (1, 2, 300, 2))
    names = [str(k) for k in range(300)]
    found = delong(label, score, names)
    draws = []
    for _ in range(300):
        at = rng.integers(0, 300, 300)
        draws.append(np.mean([auroc(label[at, c] > 0, score[0, s, at, c])[0] for c in (0, 1) for s in (0, 1)]))
    assert found.covariance[0, 0] ** 0.5 == pytest.approx(np.std(draws), rel=0.15)


def test_delong_has_no_answer_for_one_class_or_equal_models():
    names = list("abcdefgh")
    found = delong(np.ones((8, 1)), np.zeros((2, 1, 8, 1)), names)
    assert not found.difference(0, 1)[0].known and np.isnan(found.difference(0, 1)[1])
    label = np.array([0, 1] * 4, dtype=float)[:, None]
    result, p = delong(label, np.tile(np.arange(8.0)[:, None], (2, 1, 1, 1)), names).difference(0, 1)
    assert result.value == 0 and np.isnan(p)
    with pytest.raises(ValueError, match="not finite"):
        delong(label, np.full((1, 1, 8, 1), np.nan), names)


# Scores


def test_weighted_scores_are_scikit_learns_on_rows_repeated():
    rng = np.random.default_rng(0)
    truth, said, weight = rng.integers(0, 3, 40), rng.integers(0, 3, 40), rng.integers(0, 4, (5, 40)).astype(float)
    a, b = rng.normal(size=40), rng.normal(size=40)
    for k in range(5):
        at = np.repeat(np.arange(40), weight[k].astype(int))
        assert f1(truth, said, weight)[k] == pytest.approx(library.f1_score(truth[at], said[at], average="macro"))
        assert r2(a, b, weight)[k] == pytest.approx(library.r2_score(a[at], b[at]))
        assert correlation(a, b, weight)[k] == pytest.approx(np.corrcoef(a[at], b[at])[0, 1])
    flat = np.ones(40)
    assert np.isnan(r2(flat, a, weight)).all() and np.isnan(correlation(a, flat, weight)).all()


def test_overlap_and_surface_distance_are_those_of_monai():
    monai = pytest.importorskip("monai.metrics")
    import torch

    rng = np.random.default_rng(0)
    for shape in ((20, 24), (10, 9, 8)):
        a, b = (rng.random(shape) < 0.2 for _ in range(2))
        pair = [torch.from_numpy(m[None, None].astype(np.float32)) for m in (a, b)]
        assert dice(a, b) == pytest.approx(float(monai.compute_dice(*pair)))
        assert hausdorff95(a, b) == pytest.approx(
            float(monai.compute_hausdorff_distance(*pair, percentile=95)), abs=1e-4
        )
    empty = np.zeros((6, 8), bool)
    one = empty.copy()
    one[2, 2] = True
    assert np.isnan(dice(empty, empty)) and np.isnan(hausdorff95(empty, empty))
    assert dice(one, empty) == 0 and hausdorff95(one, empty) == hausdorff95(empty, one) == 10
    assert hausdorff95(one, np.roll(one, 3, axis=1)) == 3


def test_overlaps_of_boxes_are_their_common_area():
    a = np.array([[0.0, 0, 2, 2], [0, 0, 1, 1]])
    assert iou(a, a) == pytest.approx(np.array([[1, 0.25], [0.25, 1]]))
    assert iou(a, a + 5).max() == 0
    cube = np.array([[0.0, 0, 0, 2, 2, 2]])
    assert iou(cube, cube + [0, 0, 1, 0, 0, 1])[0, 0] == pytest.approx(4 / 12)


def test_each_true_box_is_hit_once_by_the_surest_that_overlaps_it():
    truth = np.array([[0.0, 0, 10, 10]])
    said = np.array([[0.0, 0, 10, 6], [0, 0, 10, 10], [20, 20, 30, 30]])
    score, hit = matched(truth, said, np.array([0.9, 0.8, 0.7]))
    assert score.tolist() == [0.9, 0.8, 0.7]
    assert hit[:, 0].tolist() == [1, 0, 0]  # the surer box takes it at .5
    assert hit[:, THRESHOLDS.index(0.75)].tolist() == [0, 1, 0]


def measured(truth, said, weight=None):
    """Boxes of one class in two samples."""
    full = [np.array([[*box, 0.0] for box in t]).reshape(-1, 5) for t in truth]
    found = np.zeros((len(said), 10, 6))
    for k, rows in enumerate(said):
        for j, (box, score) in enumerate(rows):
            found[k, j] = [*box, 0, score]
    w = np.ones((1, len(truth))) if weight is None else weight
    return {name: float(v[0]) for name, v in box_measures(box_rows(full, found, 1), w, 1).items()}


A, B = (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 30.0, 30.0)


def test_average_precision_is_that_of_cases_worked_out_by_hand():
    assert measured([[A], [B]], [[(A, 0.9)], [(B, 0.8)]]) == {"AP50": 1, "mAP": 1, "sensitivity at 1 FP": 1}
    assert measured([[A], [B]], [[], []]) == {"AP50": 0, "mAP": 0, "sensitivity at 1 FP": 0}
    # hit, false, hit: precision 1 up to recall 1/2, then 2/3
    assert measured([[A], [B]], [[(A, 0.9), (B, 0.8)], [(B, 0.7)]])["AP50"] == pytest.approx(0.5 + 0.5 * 2 / 3)
    # a box that overlaps by .6 counts at .50, .55 and .60 of ten overlaps
    assert measured([[A], []], [[((0.0, 0.0, 10.0, 6.0), 0.9)], []])["mAP"] == pytest.approx(0.3)
    # three false alarms in two samples before the second box: 1.5 a sample is more than one
    false = [((40.0 + 20 * k, 0.0, 50.0 + 20 * k, 10.0), 0.8) for k in range(3)]
    assert measured([[A], [B]], [[(A, 0.9), *false], [(B, 0.7)]])["sensitivity at 1 FP"] == 0.5
    assert measured([[A], [B]], [[(A, 0.9), *false[:2]], [(B, 0.7)]])["sensitivity at 1 FP"] == 1
    assert np.isnan(measured([[], []], [[(A, 0.9)], []])["AP50"])


def test_a_weight_counts_a_sample_as_often_as_it_is_repeated():
    truth, said = [[A], [B], [A]], [[(A, 0.9), (B, 0.6)], [(A, 0.7)], [(A, 0.5)]]
    once = measured(truth, said, np.array([[2.0, 1.0, 0.0]]))
    assert once == pytest.approx(measured([truth[0], truth[0], truth[1]], [said[0], said[0], said[1]]))


# What it is told


def test_records_become_examples_with_what_their_conditions_call_so():
    box = SimpleNamespace(x0=2.0, y0=4.0, x1=10.0, y1=8.0, label="nodule")
    rng = np.random.default_rng(0)

    def record(k, **said):
        condition = SimpleNamespace(**said)
        arrays = {"image": rng.random((16, 20)).astype(np.float32), "mask": np.eye(16, 20, dtype=np.uint8)}
        return Record(f"r{k}", arrays, condition, ImageGeometry((1.0, 1.0)), {})

    made = examples_of([
        record(0, label="sick", target=2.5, boxes=(box,), patient_id="p", site="s", sex="F", age_years=50.0),
        record(1, label=None, target=None, boxes=()),
    ])  # fmt: skip
    assert made.x.shape == (2, 1, 16, 20) and made.patients == ("p", "record r1")
    assert made.labels == ("sick", None) and made.targets[0] == 2.5 and np.isnan(made.targets[1])
    assert (
        made.boxes[0].tolist() == [[4, 2, 8, 10]] and len(made.boxes[1]) == 0 and made.box_labels == (("nodule",), ())
    )
    assert made.sites == ("s", "") and made.groups == {"sex": ("F", ""), "age": ("40-59", "")}
    assert kinds_of(made) == ("classification", "segmentation", "regression", "detection")
    small = examples_of([record(0, label="sick")], shape=(8, 10))
    assert small.x.shape == (1, 1, 8, 10) and small.masks.shape == (1, 8, 10)
    with pytest.raises(ValueError, match="none of the arrays"):
        examples_of([Record("r", {}, None, ImageGeometry((1.0,)), {})])
    with pytest.raises(ValueError, match="no record"):
        examples_of([])


def test_masks_and_boxes_of_another_size_lie_where_they_lay():
    mask = np.zeros((32, 16), dtype=np.uint8)
    mask[8:16, 4:12] = 2
    small = sized_mask(mask, (16, 8))
    at = np.argwhere(small == 2)
    assert [*at.min(0), *(at.max(0) + 1)] == sized_boxes(np.array([[8.0, 4, 16, 12]]), (32, 16), (16, 8))[0].tolist()
    with pytest.raises(ValueError, match="no whole numbers"):
        sized_mask(np.full((4, 4), 0.5), (4, 4))


def test_examples_that_do_not_fit_together_are_refused():
    x = np.zeros((3, 1, 8, 8), dtype=np.float32)
    for column, said in {"labels": ("a", "b"), "sites": ("a",), "masks": np.zeros((3, 4, 4), int)}.items():
        with pytest.raises(ValueError, match=column):
            Examples(x, ("p", "q", "r"), **{column: said})
    with pytest.raises(ValueError, match="1 of 3 samples hold NaN"):
        Examples(np.where(np.arange(3)[:, None, None, None] == 1, np.nan, x).astype(np.float32), ("p", "q", "r"))


def test_shares_lie_in_one_another_are_of_patients_and_hold_both_classes():
    side, _ = prepared(discs(0, 60, "p"), coding_of(discs(0, 60, "p"), "classification", None), "training")
    parts = nested(side, (0.05, 0.1, 0.5, 1.0), 3)
    assert [len(set(p.patients)) for p in parts.values()] == [3, 6, 30, 60]
    for small, large in zip(list(parts.values())[:-1], list(parts.values())[1:], strict=True):
        assert set(small.patients) <= set(large.patients)
    assert all(len(set(p.strata)) == 2 for p in parts.values())
    assert set(nested(side, (0.5,), 4)[0.5].patients) != set(parts[0.5].patients)


# The arms


def test_every_gain_has_a_control_of_the_same_compute():
    arms = {arm.name: arm for arm in table_arms(10, synthetic=True, baselines=True, pretraining=("masked",))}
    held = pairs(list(arms))
    for arm, reference in (
        (MIXED, REAL), (FIRST, SAME_COMPUTE), ("masked on synthetic -> real", "masked on real -> real"),
        ("synthetic -> real, augmented", "real, augmented, same compute"),
    ):  # fmt: skip
        assert arms[arm].steps == arms[reference].steps and (arm, reference) in held
    assert not any(SYNTHETIC in s.data for a in table_arms(10, synthetic=False, baselines=True, pretraining=("masked",))
                   for s in a.stages)  # fmt: skip
    standardised = table_arms(10, synthetic=True, baselines=True, pretraining=(), standardised=True)
    assert {"real, wavelet, not rescaled"} == set(arms) - {a.name for a in standardised} - {
        a for a in arms if a.startswith("masked")
    }
    small = at_share(arms["masked on real -> real"], 0.05)
    assert [s.data for s in small.stages] == [("real",), ("real 5 %",)]


# The whole task


@pytest.fixture(scope="module")
def told():
    settings = quick(shares=(0.2, 1.0), steps=2, sites=1, adapt=True, probes=True, pretraining=("contrastive",))
    given = only(discs(0, 60, "r"), "labels"), only(discs(1, 48, "t"), "labels"), only(discs(2, 60, "s"), "labels")
    return table_task(*given, settings), given


def test_every_share_group_and_difference_is_reported(told):
    result, _ = told
    full = result.at(1.0)
    assert {a.name for a in full.result.arms} >= {REAL, SYNTHETIC, MIXED, FIRST, SAME_COMPUTE, "real, augmented"}
    assert [s.patients for s in result.shares] == [12, 60]
    assert {r.group for r in full.result.rows} == {"all", "sex F", "sex M"}
    d = full.result.difference(SYNTHETIC, REAL, "macro AUROC")
    base = full.result.row(REAL, "macro AUROC").result.value
    assert d.relative.value == pytest.approx(d.difference.value / base)
    by = next(r for r in full.delong if (r.arm, r.reference) == (SYNTHETIC, REAL))
    assert by.difference.value == pytest.approx(d.difference.value, abs=1e-9)
    assert TableTaskResult.model_validate_json(result.model_dump_json()) == result


def test_a_site_is_left_out_and_adapted_to_without_its_labels(told):
    result, _ = told
    (site,) = result.sites
    names = {a.name for a in site.result.arms}
    assert site.site == "a" and site.train_patients == 30 and site.unlabelled == 30 and site.result.test_patients == 24
    assert {"synthetic -> shot", "synthetic -> tent", "real -> shot", "real -> tent", SYNTHETIC} <= names
    assert ("synthetic -> shot", "real -> shot") in {(d.arm, d.reference) for d in site.result.differences}


def test_features_are_probed_and_compared(told):
    result, _ = told
    assert {a.name for a in result.probes.arms} >= {"untrained", "contrastive on synthetic", "contrastive on real"}
    assert {m["name"] for m in result.probes.metrics} == {"kNN AUROC", "linear AUROC", "5 a class AUROC"}
    assert result.probes.row("supervised on synthetic", "linear AUROC").result.value > 0.6


def test_the_page_and_the_findings_say_what_was_found(told):
    result, _ = told
    sections = table_task_sections(result)
    text = html(Page(facts=(), sections=sections), title="t", provenance={})
    assert "same compute" in text and "Out of distribution" in text and "DeLong" in text
    found = table_task_findings(result)
    assert all(f.part == "downstream" and f.question == "purpose" and f.figure for f in found)
    assert sum("at the same compute" in f.claim for f in found) == 3


slow = pytest.mark.slow
KINDS = [
    ("classification", "macro AUROC", 0.8, (0.3, 0.7), 30),
    ("regression", "correlation", 0.6, (-0.4, 0.4), 30),
    pytest.param("segmentation", "Dice", 0.6, (0.0, 0.25), 120, marks=slow),
    pytest.param("detection", "AP50", 0.4, (0.0, 0.25), 150, marks=slow),
]


@pytest.mark.parametrize(("kind", "metric", "least", "chance", "steps"), KINDS)
def test_what_can_be_learnt_is_learnt_and_what_was_shuffled_is_not(kind, metric, least, chance, steps):
    test = discs(1, 60, "t", contrast=3.5)
    coding = coding_of(test, kind, None)
    held, _ = prepared(test, coding, "held-out")
    task, arm = _task(coding, held, quick()), [a for a in table_arms(
        steps, synthetic=False, baselines=False, pretraining=()) if a.name == REAL]  # fmt: skip
    for shuffle in (False, True):
        real, _ = prepared(discs(0, 60, "r", contrast=3.5, shuffle=shuffle), coding, "training")
        runs = run_arms(task, {REAL: real}, held, arm, (0, 1, 2))
        value = compare_arms(task, arm, (0, 1, 2), runs.outcomes, resamples=20).row(REAL, metric).result.value
        assert chance[0] <= value < chance[1] if shuffle else value > least


@pytest.mark.parametrize("columns", [("masks",), ("targets",), ("boxes", "box_labels")])
def test_masks_numbers_and_boxes_are_tasks_too(columns):
    sides = [only(discs(k, 24, tag), *columns) for k, tag in enumerate("rts")]
    result = table_task(*sides, quick(steps=1, batch=2, sites=1))
    assert result.at(1.0).result.row(MIXED, result.main).result.value is not None
    assert len(result.sites) == 1 and not any("shot" in a.name for a in result.sites[0].result.arms)
    assert table_task_findings(result) and table_task_sections(result)
    assert TableTaskResult.model_validate_json(result.model_dump_json()) == result


def test_several_labels_a_sample_are_a_task_and_rare_ones_are_named():
    def labelled(k, tag):
        made = discs(k, 40, tag)
        several = tuple(("disc", "old") if one == "disc" and i % 4 == 1 else (one,) if one == "disc" else ()
                        for i, one in enumerate(made.labels))  # fmt: skip
        several = (("disc", "odd"), *several[1:])
        return only(Examples(**{**vars(made), "labels": several}), "labels")

    result = table_task(labelled(0, "r"), labelled(1, "t"), labelled(2, "s"), quick(steps=2))
    assert result.kind == "multilabel" and result.words == ("disc", "old")
    assert any("odd" in note for note in result.notes)
    assert result.at(1.0).result.row(REAL, "macro AUROC").result.value is not None


def test_a_stopped_task_goes_on_where_it_was_and_ends_the_same(tmp_path):
    sides = [only(discs(k, 24, tag), "labels") for k, tag in enumerate("rts")]
    whole = table_task(*sides, quick(steps=3))

    class Stop(Exception):
        pass

    def until(done, total):
        if done == 9:
            raise Stop

    with pytest.raises(Stop):
        table_task(*sides, quick(steps=3), folder=tmp_path, progress=until)
    kept = len(list(tmp_path.rglob("*.json")))
    seen = []
    again = table_task(*sides, quick(steps=3), folder=tmp_path, progress=lambda d, t: seen.append((d, t)))
    assert kept == 9 and again == whole
    assert seen[-1][0] == seen[-1][1] == len(list(tmp_path.rglob("*.json")))


def test_no_difference_seen_is_good_only_where_a_large_loss_is_shut_out(told):
    result, _ = told
    at = result.at(1.0)

    def claim(low, high, verdict="open"):
        def changed(d):
            if (d.arm, d.reference, d.metric, d.group) != (SYNTHETIC, REAL, result.main, "all"):
                return d
            ends = {"low": low, "high": high, "value": (low + high) / 2, "n": 48}
            relative, difference = d.difference.model_copy(update=ends), d.difference.model_copy(update=ends)
            return d.model_copy(update={"relative": relative, "difference": difference, "verdict": verdict})

        rows = tuple(changed(d) for d in at.result.differences)
        other = at.model_copy(update={"result": at.result.model_copy(update={"differences": rows})})
        shares = tuple(other if s.share == 1.0 else s for s in result.shares)
        found = table_task_findings(result.model_copy(update={"shares": shares}))
        return next((f.level, f.claim) for f in found if "real data" in f.claim and "compute" not in f.claim)

    assert claim(-0.03, 0.02)[0] == "good" and "within 5%" in claim(-0.03, 0.02)[1]
    assert claim(-0.2, 0.2)[0] == "care" and "open" in claim(-0.2, 0.2)[1]
    assert claim(-0.2, -0.1, "worse")[0] == "care" and claim(0.1, 0.2, "better")[0] == "good"


@pytest.mark.slow
def test_workers_change_nothing(tmp_path):
    sides = [only(discs(k, 24, tag), "labels") for k, tag in enumerate("rts")]
    assert table_task(*sides, quick(steps=3), workers=2) == table_task(*sides, quick(steps=3))


def test_synthetic_samples_that_bear_a_held_out_name_are_no_patients_and_are_told_of():
    real, test = (only(discs(k, 24, tag), "labels") for k, tag in enumerate("rt"))
    result = table_task(real, test, only(discs(2, 24, "t"), "labels"), quick(steps=1))
    assert any("24 synthetic samples bear the name of a held-out patient" in note for note in result.notes)


def test_without_synthetic_data_the_worth_is_unknown():
    sides = [only(discs(k, 24, tag), "labels") for k, tag in enumerate("rt")]
    result = table_task(*sides, None, quick(steps=2))
    (found,) = table_task_findings(result)
    assert found.level == "unknown" and "there are none" in found.claim
    assert SYNTHETIC not in {a.name for a in result.shares[0].result.arms}


# Data that cannot be judged


def test_data_that_cannot_be_judged_are_refused_in_one_line():
    real, test, made = (only(discs(k, 24, tag), "labels") for k, tag in enumerate("rts"))
    one = Examples(**{**vars(real), "labels": ("disc",) * 24})
    other = Examples(**{**vars(made), "labels": ("blob",) * 24})
    silent = Examples(**{**vars(test), "labels": (None,) * 24})
    wide = Examples(**{**vars(made), "x": np.repeat(made.x, 3, axis=1)})
    flat = Examples(**{**vars(only(discs(0, 24, "r"), "targets")), "targets": np.ones(24)})
    empty = Examples(**{**vars(only(discs(0, 24, "r"), "masks")), "masks": np.zeros((24, 16, 16), dtype=np.int64)})
    for sides, settings, said in [
        ((one, test, made), quick(), "one class only"),
        ((real.only(np.arange(24) < 2), test.only(np.arange(24) < 2), made), quick(), "patients"),
        ((real, real, made), quick(), "both in the test data"),
        ((real, test, other), quick(), "class 'blob'"),
        ((real, silent, made), quick(), "none of the 24 held-out samples"),
        ((real, test, wide), quick(), "3 channels"),
        ((flat, flat, None), quick(), "does not vary"),
        ((empty, empty, None), quick(), "no label"),
        ((real, test, made), quick(kind="segmentation"), "not segmentation"),
        ((discs(0, 24, "r"), test, made), quick(), "give kind"),
        ((real, test, made), quick(network="nope"), "network 'nope'"),
    ]:
        with pytest.raises(ValueError, match=said) as error:
            table_task(*sides, settings)
        assert "\n" not in str(error.value)


def test_a_site_without_patients_to_test_is_passed_over_and_said_so():
    real, test, made = (only(discs(k, 24, tag, sites=("a", "b")), "labels") for k, tag in enumerate("rts"))
    test = Examples(**{**vars(test), "sites": ("a",) * 22 + ("c",) * 2})
    nobody = Examples(**{**vars(made), "sites": ("",) * 24})
    result = table_task(real, test, nobody, quick(steps=1, sites=3, adapt=True))
    assert [s.site for s in result.sites] == ["a"]
    assert any("site c was not left out: it has 2" in note for note in result.notes)
    assert any("may have seen it" in note for note in result.notes)
    bare = [Examples(**{**vars(side), "sites": ()}) for side in (real, test, made)]
    result = table_task(*bare, quick(steps=1, sites=1, adapt=True))
    assert result.sites[0].site == "" and not {REAL, "real -> shot"} & {a.name for a in result.sites[0].result.arms}


def test_outcomes_of_a_class_that_no_test_patient_has_are_left_out_of_the_macro_average():
    real, test = (only(discs(k, 30, tag), "labels") for k, tag in enumerate("rt"))
    real = Examples(**{**vars(real), "labels": (*real.labels[:24], *("rare",) * 6)})
    result = table_task(real, test, None, quick(steps=2))
    assert any("rare" in note for note in result.notes)
    assert result.at(1.0).result.row(REAL, "macro AUROC").result.value is not None


def test_one_more_resample_weighs_rows_as_repeating_them_does():
    sides = [only(discs(k, 30, tag), "masks") for k, tag in enumerate("rt")]
    coding = coding_of(sides[0], None, None)
    test, _ = prepared(sides[1], coding, "held-out")
    task = _task(coding, test, quick())
    values = task.score(task.initial(0), test).values
    (weight,) = patient_weights([test.patients], 4, np.random.default_rng(0))
    for k in range(4):
        at = np.repeat(np.arange(30), weight[k].astype(int))
        again = task.measure(values[at], np.ones((1, len(at))))
        for name, value in task.measure(values, weight[k : k + 1]).items():
            assert value == pytest.approx(again[name], nan_ok=True)


def test_relative_effects_are_not_given_where_the_reference_may_be_nothing():
    sides = [only(discs(k, 30, tag, shuffle=True), "targets") for k, tag in enumerate("rts")]
    result = table_task(*sides, quick(steps=1)).at(1.0).result
    assert result.difference(MIXED, REAL, "MAE").relative is not None
    assert result.difference(MIXED, REAL, "R2").relative is None


def test_arms_that_name_a_method_need_a_task_that_knows_it():
    sides = [only(discs(k, 24, tag), "labels") for k, tag in enumerate("rt")]
    coding = coding_of(sides[0], None, None)
    real, test = (prepared(s, coding, "x")[0] for s in sides)
    arm = table_arms(2, synthetic=False, baselines=True, pretraining=())[-1]
    task = _task(coding, test, quick())
    runs = run_arms(task, {REAL: real}, test, [arm], (0, 1, 2))
    assert compare_arms(task, [arm], (0, 1, 2), runs.outcomes, resamples=20).rows
    odd = arm.model_copy(update={"stages": (arm.stages[0].model_copy(update={"method": "magic"}),)})
    with pytest.raises(ValueError, match="'magic' is not known"):
        run_arms(task, {REAL: real}, test, [odd], (0, 1, 2))
