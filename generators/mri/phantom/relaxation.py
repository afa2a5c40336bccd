"""T1, T2 and proton density of each tissue, drawn per patient around published means for the scanner's field.

Sources. White and cortical grey matter and deep nuclei, T1: Wright et al., MAGMA 21:121 (2008): white 646 +- 32 ms at
1.5 T and 838 +- 50 at 3 T, grey 1197 +- 134 and 1607 +- 112, putamen 1084 and 1332; methods spread far more than people
do (white matter at 3 T from 0.6 to 1.1 s in the literature: Asslaender, arXiv 2409.05318), which the spread follows.
T2: Stanisz et al., Magn Reson Med 54:507 (2005): white 72 ms at 1.5 T and 69 at 3 T, grey 95 and 99, blood 290 and 275
(T1 of blood 1441 and 1932). Fluid: T1 4309 ms and T2 1886 in the subarachnoid space, 4454 and 2373 in the frontal horns
at 3 T (PMC10696635). Water: white 69 %, grey 84 % (Oros-Peusquens et al., Front Neurol 10:1333, 2019).
Enhancing tumour: T1 falls by 838 +- 210 ms with the agent at 3 T, oedema's by 123 +- 74, healthy tissue's by 32 +- 35
(Mueller et al., J Magn Reson Imaging 2020, Frankfurt, 33 glioblastomas); gadolinium's share here is set to reach that.
T1 and T2 of oedema, tumour, necrosis and hyperintensities are ranges between those of grey matter and of fluid, in
the order that Just and Thelen (Radiology 169:779, 1988) report; they are choices, not means of a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ....conditioning.mri.phantom_condition import Protocol
from ....conditioning.mri.tissue import INDEX, TISSUES, Tissue

# tissue -> T1 at 1.5 T, T1 at 3 T, T2 at 1.5 T, T2 at 3 T (ms), proton density, log spread of T1, of T2, of PD.
_TABLE: dict[Tissue, tuple[float, ...]] = {
    Tissue.white: (646, 838, 76, 74, 0.69, 0.07, 0.06, 0.015),
    Tissue.grey: (1130, 1480, 85, 83, 0.83, 0.07, 0.06, 0.015),
    Tissue.fluid: (4300, 4350, 1900, 1800, 1.00, 0.03, 0.15, 0.0),
    Tissue.hyperintensity: (1050, 1300, 135, 130, 0.80, 0.10, 0.12, 0.02),
    Tissue.oedema: (1250, 1550, 160, 150, 0.86, 0.12, 0.16, 0.02),
    Tissue.tumour: (1450, 1750, 185, 170, 0.88, 0.14, 0.20, 0.02),
    Tissue.necrosis: (2400, 2700, 420, 380, 0.95, 0.20, 0.35, 0.02),
    Tissue.enhancing: (1300, 1650, 130, 120, 0.86, 0.12, 0.15, 0.02),
    Tissue.blood: (1441, 1932, 60, 50, 0.85, 0.06, 0.20, 0.02),  # flowing: dark on T2, see `FLOW`
    Tissue.plexus: (1500, 1800, 140, 130, 0.90, 0.08, 0.15, 0.02),
}  # fmt: skip
# Share of the blood's concentration of contrast agent that a tissue holds; behind the barrier next to nothing.
_UPTAKE: dict[Tissue, tuple[float, float]] = {
    Tissue.enhancing: (0.14, 0.42), Tissue.plexus: (0.3, 0.7), Tissue.blood: (1.0, 1.0), Tissue.necrosis: (0.0, 0.06),
    Tissue.tumour: (0.0, 0.03), Tissue.oedema: (0.005, 0.03), Tissue.grey: (0.01, 0.025), Tissue.white: (0.004, 0.012),
}  # fmt: skip
_WIDER = 2.2  # log spread of the randomised protocol over that of the clinical one


@dataclass(frozen=True)
class Relaxation:
    """Parameters by tissue, in the order of `TISSUES`.

    Attributes:
        t1_ms: longitudinal relaxation time.
        t2_ms: transverse relaxation time.
        pd: proton density, 1 for water.
        uptake: concentration of contrast agent over the blood's.
        flow: what flow leaves of a spin echo's signal of blood, 0 to 1.
    """

    t1_ms: Float[np.ndarray, " tissues"]
    t2_ms: Float[np.ndarray, " tissues"]
    pd: Float[np.ndarray, " tissues"]
    uptake: Float[np.ndarray, " tissues"]
    flow: float

    def of(self, tissue: Tissue) -> tuple[float, float, float]:
        """Return T1, T2 and PD of one tissue."""
        k = INDEX[tissue]
        return float(self.t1_ms[k]), float(self.t2_ms[k]), float(self.pd[k])


def draw_relaxation(rng: np.random.Generator, field_tesla: float, protocol: Protocol) -> Relaxation:
    """Draw a patient's relaxation times.

    Args:
        rng: random stream.
        field_tesla: 1.5 or 3.
        protocol: the randomised one spreads them 2.2 times as wide on the log scale.
    """
    wider = _WIDER if protocol is Protocol.randomised else 1.0
    table = np.array([_TABLE[tissue] for tissue in TISSUES])
    z = np.clip(rng.standard_normal((3, len(TISSUES))), -2, 2) * wider
    at = 0 if field_tesla < 2 else 1
    uptake = np.array([rng.uniform(*_UPTAKE.get(tissue, (0.0, 0.0))) for tissue in TISSUES])
    return Relaxation(
        table[:, at] * np.exp(table[:, 5] * z[0]),
        table[:, 2 + at] * np.exp(table[:, 6] * z[1]),
        np.minimum(table[:, 4] * np.exp(table[:, 7] * z[2]), 1.0),
        uptake,
        float(rng.uniform(0.35, 1.0)),
    )
