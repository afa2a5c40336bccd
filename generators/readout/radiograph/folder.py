"""The folder of a readout: an index, what it reads and how its outputs are calibrated, and a folder per member."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ....conditioning.words import one_line
from ...diffusion.pretrained import CONFIG, read_component, read_index, read_weights, write_component, write_index
from .attributes import Attributes
from .calibration import Calibration
from .inspector import Inspector
from .networks import NetworkConfig, RadiographNetwork
from .readout import RadiographReadout
from .scores import Score
from .thresholds import Thresholds

M = TypeVar("M", bound=BaseModel)
CLASS, MEMBER, READS = "RadiographReadout", "RadiographNetwork", "reads"
INSPECTOR, LIMITS = "RadiographInspector", "thresholds"


class Reads(BaseModel):
    """What `reads/config.json` holds.

    Attributes:
        members: how many networks there are.
        network: their kind and size.
        attributes: what they read.
        calibration: of their outputs.
        out_of_fold: how well they read patients that they had not seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: int
    network: NetworkConfig
    attributes: Attributes
    calibration: Calibration
    out_of_fold: tuple[Score, ...] = ()


def write_readout(folder: Path, readout: RadiographReadout) -> None:
    """Write a readout into a new or empty folder.

    Raises:
        ValueError: the folder is not empty.
    """
    names = member_names(len(readout.networks))
    write_index(folder, CLASS, {READS: "Reads"} | dict.fromkeys(names, MEMBER))
    body = Reads(
        members=len(names),
        network=readout.config,
        attributes=readout.attributes,
        calibration=readout.calibration,
        out_of_fold=readout.out_of_fold,
    )
    write_component(folder, READS, body.model_dump(mode="json"))
    for name, network in zip(names, readout.networks, strict=True):
        write_component(folder, name, readout.config.model_dump(mode="json"), network)


def read_readout(folder: Path) -> RadiographReadout:
    """Return the readout in a folder.

    Raises:
        ValueError: something is missing, damaged, another model's or a pickle; the message names it.
    """
    read_index(folder, CLASS, {READS: "Reads"})
    body = checked(Reads, read_component(folder, READS), folder / READS / CONFIG)
    names = member_names(body.members)
    read_index(folder, CLASS, dict.fromkeys(names, MEMBER))
    networks = [RadiographNetwork(body.network, body.attributes.outputs).eval() for _ in names]
    for name, network in zip(names, networks, strict=True):
        read_weights(folder, name, network)
    return RadiographReadout(tuple(networks), body.network, body.attributes, body.calibration, body.out_of_fold)


def write_inspector(folder: Path, inspector: Inspector) -> None:
    """Write a readout and its limits into a new or empty folder.

    Raises:
        ValueError: the folder is not empty.
    """
    write_index(folder, INSPECTOR, {"readout": CLASS, LIMITS: "Thresholds"})
    write_readout(folder / "readout", inspector.readout)
    write_component(folder, LIMITS, inspector.thresholds.model_dump(mode="json"))


def read_inspector(folder: Path) -> Inspector:
    """Return the inspector in a folder.

    Raises:
        ValueError: something is missing, damaged, another model's or a pickle; the message names it.
    """
    read_index(folder, INSPECTOR, {"readout": CLASS, LIMITS: "Thresholds"})
    limits = checked(Thresholds, read_component(folder, LIMITS), folder / LIMITS / CONFIG)
    return Inspector(read_readout(folder / "readout"), limits)


def member_names(members: int) -> list[str]:
    """Return the names of the members' folders."""
    return [f"member_{k}" for k in range(members)]


def checked(kind: type[M], body: dict[str, Any], path: Path) -> M:
    """Return a JSON object as the model that it should be.

    Raises:
        ValueError: it is none; the message names the file and the field.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise ValueError(f"{path}: {one_line(error, kind)}") from error
