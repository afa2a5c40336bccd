"""Race and lateral views, which the embedded images do not have: learned where a table has them, and read back.

Each word of an attribute is a bright square at its own place. What was asked is read back by the square's brightness,
with every other attribute open.
"""

import numpy as np
import pytest
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.generators.protocol import recipe_class
from clinsynth.generators.radiograph.latent import RadiographDiffusion
from clinsynth.generators.training import fit
from radiograph_model_toy import MARKS, marked_records, write_table
from sklearn.metrics import roc_auc_score

pytestmark = pytest.mark.slow
ASKED = 32  # images per word


def trained(recipe, run):
    train, validation = recipe.examples()
    return fit(recipe.trainee(), train, validation, recipe.training, run, model_config=recipe.model_config_json())


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marks")
    data = {"source": f"table:{write_table(folder, marked_records(480))}", "copies": 1}
    autoencoder = recipe_class("radiograph-autoencoder").of(
        {
            "generator": "radiograph-autoencoder",
            "training": {"steps": 400, "batch_size": 16, "learning_rate": 4e-3, "ema_decay": 0.98},
            "model": {"size": 16, "widths": [8, 16], "latent_channels": 4},
            "data": data,
        },
        "marks",
    )
    trained(autoencoder, folder / "autoencoder")
    recipe = recipe_class("radiograph").of(
        {
            "generator": "radiograph",
            "training": {"steps": 700, "batch_size": 32, "learning_rate": 2e-3, "ema_decay": 0.99, "warmup_steps": 50},
            "autoencoder": str(folder / "autoencoder"),
            "model": {
                "denoiser": {"widths": [32, 64], "attention": 1},
                "condition": {"findings": ["effusion"], "width": 32},
            },
            "sampling": {"steps": 12, "guidance": 2.0, "records_per_pass": 32},
            "data": data,
            "inspector": None,
        },
        "marks",
    )
    return RadiographDiffusion.from_pretrained(trained(recipe, folder / "run").model)


def brightness(image, attribute, word):
    row, column = MARKS[attribute][word]
    return image[row * 4 : row * 4 + 3, column * 4 : column * 4 + 3].mean()


@pytest.mark.parametrize("attribute", ["race", "view", "sex"])
def test_what_was_asked_is_read_back_with_the_rest_open(generator, attribute):
    words = sorted(MARKS[attribute])
    asked = [word for word in words for _ in range(ASKED)]
    conditions = [RadiographCondition.model_validate({attribute: word}) for word in asked]
    images = [record.arrays["image"] for record in generator.generate(conditions, range(len(conditions)))]
    for word in words:
        score = [brightness(image, attribute, word) for image in images]
        assert roc_auc_score(np.array(asked) == word, score) >= 0.95
    for other in MARKS.keys() - {attribute}:  # what is open comes in more than one way
        seen = {max(MARKS[other], key=lambda w: brightness(image, other, w)) for image in images}  # noqa: B023
        assert len(seen) > 1


def test_support_has_them(generator):
    support = generator.support()
    assert min(support["race"][word] for word in ("asian", "black", "white")) > 100
    assert support["view"]["lateral"] > 100 and support["race"]["hispanic"] == 0
    with pytest.raises(ValueError, match=r"race = hispanic.*taught: asian, black, white"):
        next(generator.generate([RadiographCondition(race="hispanic")], [0]))
