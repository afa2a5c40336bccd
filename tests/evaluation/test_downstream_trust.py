"""Groups and worse inputs of downstream tasks: looks at trained models, ensembles, decisions, the first screen."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from clinsynth.evaluation.arm_findings import merged
from clinsynth.evaluation.downstream import Outcomes, run_arms, standard_arms
from clinsynth.evaluation.downstream.arms import REAL, SYNTHETIC
from clinsynth.evaluation.finding import Finding
from clinsynth.evaluation.radiograph.downstream.classifier import Unweighted
from clinsynth.evaluation.radiograph.downstream.task import FindingsTask, Told
from clinsynth.evaluation.radiograph.downstream.trust import judged_fairness
from clinsynth.evaluation.robustness import Model, robustness_section
from clinsynth.evaluation.robustness.arms import WornLook, ensemble_name, limits_of
from clinsynth.evaluation.robustness.scores import AUROC, BRIER
from clinsynth.evaluation.table.downstream import (
    Examples,
    TableTaskSettings,
    table_task,
    table_task_findings,
    table_task_sections,
)
from clinsynth.evaluation.table.downstream.prepared import Coding, coding_of, prepared
from clinsynth.evaluation.table.downstream.trust import judged_fairness as judged_of_table
from sklearn import metrics as library

SEEDS = (0, 1, 2)


class Rows:
    labels = None

    def __init__(self, x, y, tag):
        self.x, self.y, self.patients = x, y, [f"{tag}{k // 2}" for k in range(len(x))]

    def __len__(self):
        return len(self.x)

    def fingerprint(self):
        return str(float(self.x.sum()))


class MeanTask:
    """A model is a number: how far it trusts the mean of an image."""

    name, metrics = "mean", ()

    def __init__(self):
        self.trained = 0

    def config(self):
        return {}

    def initial(self, seed):
        return float(np.random.default_rng(seed).uniform(1, 3))

    def join(self, first, second):
        return first

    def train(self, examples, initial, seed, steps, *, augment):
        self.trained += 1
        return initial * 2

    def score(self, model, test):
        return Outcomes(np.column_stack([test.y, model * test.x.mean((1, 2))]), test.patients)


def opened(trust):
    def predict(x):
        return 1 / (1 + np.exp(-trust * 40 * (x.mean((1, 2)) - 0.5)))

    return Model(predict, lambda x, y: (predict(x) - y)[:, None, None] * np.ones_like(x))


def given(test):
    return test.x, test.y, test.patients


def rows(seed, tag, n=40):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = 0.5 + 0.02 * (2 * y - 1)[:, None, None] + 0.1 * rng.normal(size=(n, 16, 16))
    return Rows(np.clip(x, 0, 1).astype(np.float32), y, tag)


LOOK = WornLook((REAL,), opened, given)
ARMS = [a for a in standard_arms(2) if a.name in (REAL, SYNTHETIC)]


def run(task, folder=None, looks=(LOOK,)):
    sources = {REAL: rows(1, "r"), SYNTHETIC: rows(2, "s")}
    return run_arms(task, sources, rows(3, "t"), ARMS, SEEDS, folder=folder, looks=looks)


def test_a_look_sees_the_models_that_were_scored_and_is_found_again(tmp_path):
    task = MeanTask()
    runs = run(task, tmp_path)
    assert task.trained == runs.trained == 6 and list(runs.looked) == ["robustness"]
    assert list(runs.looked["robustness"]) == [REAL] and len(runs.looked["robustness"][REAL]) == 3
    clean = [o.values[:, 1] for o in runs.looked["robustness"][REAL]]
    for o, p in zip(runs.outcomes[REAL], clean, strict=True):  # the same models: their chances go as their scores
        assert library.roc_auc_score(o.values[:, 0], o.values[:, 1]) == library.roc_auc_score(o.values[:, 0], p)
    again = run(task, tmp_path)
    assert task.trained == 6 and again.trained == 0
    for a, b in zip(runs.looked["robustness"][REAL], again.looked["robustness"][REAL], strict=True):
        np.testing.assert_array_equal(a.values, b.values)


def test_a_look_that_is_added_later_trains_its_own_arms_alone(tmp_path):
    task = MeanTask()
    plain = run(task, tmp_path, looks=())
    assert plain.looked == {} and task.trained == 6
    more = run(task, tmp_path)
    assert task.trained == 9 and more.trained == 3  # the looked-at arm of each seed
    for a, b in zip(plain.outcomes[REAL], more.outcomes[REAL], strict=True):
        np.testing.assert_array_equal(a.values, b.values)


def test_an_ensemble_is_the_mean_of_chances_and_no_worse_than_the_mean_of_scores():
    test = rows(3, "t")
    looked = run(MeanTask()).looked["robustness"]
    result = LOOK.result({"real": looked[REAL]}, test)
    clean = np.array([o.values[:, 1] for o in looked[REAL]])
    each = [library.brier_score_loss(test.y, p) for p in clean]
    assert result.row("real", BRIER).value.value == pytest.approx(np.mean(each))
    both = library.brier_score_loss(test.y, clean.mean(0))
    assert result.row("real, ensemble", BRIER).value.value == pytest.approx(both)
    assert both <= np.mean(each)
    assert result.arms == ("real", ensemble_name("real"))
    assert {r.corruption for r in result.scores if r.arm == "real"} >= {"blur", "random sign", "clean"}
    assert "random sign" not in {r.corruption for r in result.scores if r.arm == ensemble_name("real")}
    assert any("not attacked" in text for text in robustness_section(result).texts)


def test_channels_are_corrupted_one_by_one():
    test = SimpleNamespace(x=np.random.default_rng(0).random((6, 3, 16, 16)).astype(np.float32))
    look = WornLook((REAL,), opened, lambda t: (t.x, np.arange(6) % 2, [f"p{k}" for k in range(6)]))
    seen = look._rows(test, [])
    blur = next(c for c in look._conditions(seen) if (c.name, c.severity) == ("blur", 5))
    alone = WornLook((REAL,), opened, lambda t: (t.x[:, 1], np.arange(6) % 2, [f"p{k}" for k in range(6)]))
    same = next(c for c in alone._conditions(alone._rows(test, [])) if (c.name, c.severity) == ("blur", 5))
    np.testing.assert_allclose(blur.make(test.x)[:, 1], same.make(test.x[:, 1]), atol=1e-6)
    assert limits_of(test.x) == (0.0, 1.0) and limits_of(4 * test.x - 1)[0] < 0 < 1 < limits_of(4 * test.x - 1)[1]
    assert limits_of(np.full(3, 7.0)) == (7.0, 8.0)


def test_what_a_positive_counted_is_taken_from_the_odds_again():
    weights, prior = (10.0, 0.5), np.array([0.05, 0.7])
    fitted = torch.from_numpy(np.log(prior / (1 - prior) * weights))[None].float()  # what weighted training tends to
    network = SimpleNamespace(networks=(torch.nn.Identity(),), weighted=weights)
    np.testing.assert_allclose(Unweighted.of(network)(fitted).sigmoid().numpy()[0], prior, rtol=1e-5)


# On whom errors fall


def told(called_healthy, seed):
    """Sixty sick and sixty healthy images, half of each of women; one image a patient."""
    rng = np.random.default_rng(seed)
    sick, woman = np.arange(120) % 2 == 1, np.arange(120) % 4 < 2
    label = np.column_stack([~sick, sick]).astype(float)
    healthy = called_healthy(sick, woman)
    score = np.where(healthy, 2.0, -1.0) + 5 + rng.uniform(0, 0.9, 120)  # a threshold of its own, far from zero
    attribute = np.column_stack([np.where(woman, 0, 1), np.full(120, -1), np.full(120, -1)])
    return Told(label, np.column_stack([score, -score + 6]), healthy, attribute, np.arange(120)), sick, woman


def findings_fairness(*calls):
    task, outcomes, training = FindingsTask(("no_finding", "effusion")), {}, None
    for k, called in enumerate(calls):
        made = [told(called, seed)[0] for seed in SEEDS]
        outcomes[f"arm {k}"] = [Outcomes(t.values(), [f"p{i}" for i in range(120)]) for t in made]
        training = SimpleNamespace(attribute=made[0].attribute)
    return judged_fairness(task, outcomes, training)


def test_women_whose_disease_is_missed_show_by_closed_form():
    result = findings_fairness(lambda sick, woman: ~sick | woman, lambda sick, woman: ~sick)
    gap = result.gap("arm 0", "underdiagnosis", "sex", "underdiagnosis")
    assert (gap.gap.value, gap.highest, gap.lowest) == (1.0, "F", "M") and gap.p_corrected < 0.05
    fair = result.gap("arm 1", "underdiagnosis", "sex", "underdiagnosis")
    assert fair.gap.value == 0.0
    parity = next(o for o in result.others if (o.arm, o.label, o.cell) == ("arm 0", "no_finding", "F"))
    assert parity.statistical_parity.value == pytest.approx(0.5)  # all women against half of the men are called healthy
    assert parity.accuracy_less_others.value == pytest.approx(-0.5)
    assert result.axes == ("sex",)


def test_no_attribute_and_everybody_called_healthy_are_no_crash():
    task = FindingsTask(("no_finding", "effusion"))
    t, _, _ = told(lambda sick, woman: np.ones(120, bool), 0)
    t = Told(t.label, t.score, t.healthy, np.full((120, 3), -1), t.patient)
    outcomes = {"real": [Outcomes(t.values(), [f"p{i}" for i in range(120)])]}
    result = judged_fairness(task, outcomes, SimpleNamespace(attribute=t.attribute))
    assert result.cells[0].axis == "all" and not [g for g in result.gaps if g.gap.value is not None]


def classes(words, n=90):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 1, 16, 16)).astype(np.float32)
    examples = Examples(
        x, tuple(f"p{k}" for k in range(n)), labels=tuple(words[k % len(words)] for k in range(n)),
        groups={"sex": tuple("FM"[k // len(words) % 2] for k in range(n))},
    )  # fmt: skip
    coding = coding_of(examples, None, None)
    return coding, prepared(examples, coding, "test")[0]


def right(coding: Coding, test, women_as=None):
    """Chances that are right, but for women, who are all called one class."""
    chance = np.eye(len(coding.words))[test.rows.y] * 0.8 + 0.1
    if women_as is not None:
        chance[np.array(test.groups["sex"]) == "F"] = np.eye(len(coding.words))[women_as] * 0.8 + 0.1
    return {"real": [Outcomes(np.column_stack([test.rows.y, chance]), list(test.patients))] * 3}


def test_classes_are_decided_by_the_largest_chance_and_a_healthy_one_gives_underdiagnosis():
    coding, test = classes(("benign", "mass"))
    result = judged_of_table(right(coding, test, women_as=0), coding, test, test)
    assert result.gap("real", "underdiagnosis", "sex", "underdiagnosis").gap.value == 1.0
    assert result.gap("real", "mass", "sex", "true positive rate").gap.value == 1.0
    coding, test = classes(("left", "middle", "right"))
    result = judged_of_table(right(coding, test), coding, test, test)
    assert result.labels == ("left", "middle", "right") and not [c for c in result.cells if c.label == "underdiagnosis"]
    assert {c.rate.value for c in result.cells if c.measure == "accuracy"} == {1.0}
    coding, test = classes(("a", "b"))
    assert judged_of_table(right(coding, test), coding, test, test).labels == ("b",)


def squares(seed, n, tag):
    """Noise; every second sample is brighter in a corner, by less in women."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.4, 0.1, (n, 1, 16, 16)).astype(np.float32)
    sex = ["FM"[k // 2 % 2] for k in range(n)]
    for k in range(1, n, 2):
        x[k, 0, 4:12, 4:12] += 0.35 if sex[k] == "M" else 0.15
    return Examples(
        np.clip(x, 0, 1), tuple(f"{tag}{k}" for k in range(n)),
        labels=tuple(("healthy", "mass")[k % 2] for k in range(n)),
        groups={"sex": tuple(sex)},
    )  # fmt: skip


QUICK = TableTaskSettings(shares=(1.0,), steps=20, baselines=False, pretraining=(), probes=False, sites=0, adapt=False,
                          resamples=40, batch=10)  # fmt: skip


def test_a_tables_task_shows_both_and_can_leave_them_out(tmp_path):
    sides = squares(0, 60, "r"), squares(1, 48, "t"), squares(2, 60, "s")
    found = table_task(*sides, QUICK, folder=tmp_path)
    assert found.fairness.arms == ("real", "synthetic", "mixed", "synthetic -> real", "real, same compute")
    assert found.robustness.arms[0] == "real" and len(found.robustness.arms) == 10
    assert found.robustness.row("real", AUROC).value.value > 0.6
    pgd, control = (found.robustness.row("real", AUROC, c, 1).value.value for c in ("PGD", "random sign"))
    assert pgd <= control
    sections = table_task_sections(found)
    assert [s.name for s in sections][-2:] == ["fairness", "robustness"]
    said = table_task_findings(found)
    assert {"fairness", "robustness"} <= {f.part for f in said} and len(said) < 25
    before = sorted(p.name for p in tmp_path.rglob("*.json"))
    off = table_task(*sides, QUICK.model_copy(update={"fairness": False, "robustness": False}), folder=tmp_path)
    assert off.fairness is None and off.robustness is None and off.shares == found.shares
    assert sorted(p.name for p in tmp_path.rglob("*.json")) == before
    assert not {f.part for f in table_task_findings(off)} & {"fairness", "robustness"}


# The first screen


def finding(claim, figure="1", level="good"):
    return Finding(part="robustness", question="risk", level=level, claim=claim, figure=figure)


def test_arms_of_which_the_same_was_found_stand_together():
    arms = ("real", "real, same compute", "mixed")
    given = [
        finding("real stands 3 of 7."),
        finding("real, same compute stands 5 of 7."),
        finding("mixed stands 3 of 7."),
    ]
    (one,) = merged(given, arms)
    assert one.claim == "Each of 'real', 'real, same compute' and 'mixed' stands 3 to 5 of 7."
    assert one.figure == "'real': 1; 'real, same compute': 1; 'mixed': 1"
    several = [finding("mixed is better than real on clean inputs."), finding("Nothing was told."), given[0]]
    assert [f.claim for f in merged(several, arms)] == [
        "mixed is better than real on clean inputs.", "Nothing was told.", "'real' stands 3 of 7.",
    ]  # fmt: skip
    bands = [finding("real lacks 18-39 and 2 more."), finding("mixed lacks 40-59 and 2 more.")]
    assert len(merged(bands, arms)) == 2  # other groups are no other numbers
    own = [finding("real fails."), finding("real, ensemble fails."), finding("mixed fails.")]
    assert [f.claim for f in merged(own, (*arms, "real, ensemble"))] == ["Each of 'real' and 'mixed' fails."]
    assert len(merged([given[0], finding("mixed stands 3 of 7.", level="care")], arms)) == 2
