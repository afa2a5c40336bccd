"""The inner loops of the simulator, compiled by numba: beats, dipole, leads, noise, wave limits.

Everything here is plain arithmetic on arrays; what the numbers mean stands where they are called.
Compiled code is cached beside the module (or in numba's cache folder where that is read-only).
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import math

import numpy as np
from numba import njit

ELECTRODES = 9  # RA, LA, LL, V1-V6
_BLOCK = 1024  # samples that are summed in single precision before the sum goes on in double
_REACH = 5.0  # a kernel is drawn to 5 widths: 4e-6 of its height lies beyond


@njit(cache=True, nogil=True, error_model="numpy")
def beat_times(rr_mean, lf_gain, hf_gain, lf, hf, step_s, t_end, rr_min, out):  # type: ignore[no-untyped-def]
    """Fill `out` (rows: time, RR, lf, hf at the beat) and return the number of beats.

    Beat k+1 follows beat k by the RR that the process has at beat k.
    """
    t = 0.0
    k = 0
    last = lf.size - 2
    while t < t_end and k < out.shape[1]:
        x = t / step_s
        i = min(int(x), last)
        f = x - i
        a = lf[i] + f * (lf[i + 1] - lf[i])
        b = hf[i] + f * (hf[i + 1] - hf[i])
        rr = max(rr_mean + lf_gain * a + hf_gain * b, rr_min)
        out[0, k] = t
        out[1, k] = rr
        out[2, k] = a
        out[3, k] = b
        t += rr
        k += 1
    return k


@njit(cache=True, nogil=True, error_model="numpy")
def conducted_impulses(arrivals, chance, refractory_s, conceal_s, conceal_share, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the times at which atrial impulses cross the AV node; return their number.

    An impulse that falls into the refractory period may still enter the node and prolong it
    (concealed conduction); one that falls after it is conducted and starts a new period.
    """
    ready = 0.0
    k = 0
    for i in range(arrivals.size):
        t = arrivals[i]
        if t >= ready:
            if k == out.size:
                break
            out[k] = t
            k += 1
            ready = t + refractory_s
        elif chance[i] < conceal_share:
            ready += conceal_s
    return k


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def draw_dipole(t_event, t_scale, anchor, wave, atria, centre, width, dipole, t0, fs_hz, out):  # type: ignore[no-untyped-def]
    """Add a heart's kernels at every event to the heart vectors `out` (6, samples).

    With `atria` the P kernels alone, to rows 3 to 5; else all others, to rows 0 to 2. T and ST (wave
    codes 2 and 3) lie in a time that is scaled by t_scale[event] about `anchor`: repolarisation
    follows the rate. The Gaussian runs by recurrence, two products a sample and no exponential, on
    even and odd samples side by side.
    """
    n = out.shape[1]
    row = 3 if atria else 0
    for e in range(t_event.size):
        for k in range(centre.size):
            if (wave[k] == 0) != atria:
                continue
            c = centre[k]
            w = width[k]
            if wave[k] == 2 or wave[k] == 3:
                c = anchor + (c - anchor) * t_scale[e]
                w *= t_scale[e]
            c += t_event[e] - t0
            lo = max(0, int(math.ceil((c - _REACH * w) * fs_hz)))
            hi = min(n - 1, int(math.floor((c + _REACH * w) * fs_hz)))
            if hi < lo:
                continue
            d = 2.0 / (fs_hz * w)
            x = (lo / fs_hz - c) / w
            y = x + 0.5 * d
            shrink = math.exp(-d * d)
            g = math.exp(-0.5 * x * x)
            ratio = math.exp(-x * d - 0.5 * d * d)
            h = math.exp(-0.5 * y * y)
            ratio_h = math.exp(-y * d - 0.5 * d * d)
            dx = dipole[k, 0]
            dy = dipole[k, 1]
            dz = dipole[k, 2]
            for i in range(lo, hi, 2):
                out[row, i] += dx * g
                out[row + 1, i] += dy * g
                out[row + 2, i] += dz * g
                out[row, i + 1] += dx * h
                out[row + 1, i + 1] += dy * h
                out[row + 2, i + 1] += dz * h
                g *= ratio
                h *= ratio_h
                ratio *= shrink
                ratio_h *= shrink
            if (hi - lo) % 2 == 0:
                out[row, hi] += dx * g
                out[row + 1, hi] += dy * g
                out[row + 2, hi] += dz * g


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _turn(x, y, z, share, angles):  # type: ignore[no-untyped-def]
    """Turn a vector about x, y, z by `share` of three angles; sine and cosine of these small angles to 1e-7."""
    one = np.float32(1.0)
    half = np.float32(0.5)
    sixth = np.float32(1.0 / 6.0)
    twelfth = np.float32(1.0 / 12.0)
    for i in range(x.size):
        a = angles[0] * share[i]
        b = angles[1] * share[i]
        g = angles[2] * share[i]
        sa = a * (one - a * a * sixth)
        ca = one - half * a * a * (one - a * a * twelfth)
        sb = b * (one - b * b * sixth)
        cb = one - half * b * b * (one - b * b * twelfth)
        sg = g * (one - g * g * sixth)
        cg = one - half * g * g * (one - g * g * twelfth)
        vx = x[i]
        vy = ca * y[i] - sa * z[i]
        vz = sa * y[i] + ca * z[i]
        wx = cb * vx + sb * vz
        x[i] = cg * wx - sg * vy
        y[i] = sg * wx + cg * vy
        z[i] = cb * vz - sb * vx


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _lead(vcg, start, ventricles, atria, out):  # type: ignore[no-untyped-def]
    """Write one lead of the heart vectors from `start` on; return its sum and its sum of squares."""
    stop = start + out.size
    x, y, z = vcg[0, start:stop], vcg[1, start:stop], vcg[2, start:stop]
    u, v, w = vcg[3, start:stop], vcg[4, start:stop], vcg[5, start:stop]
    f0, f1, f2 = ventricles[0], ventricles[1], ventricles[2]
    f3, f4, f5 = atria[0], atria[1], atria[2]
    total = np.float32(0)
    squares = np.float32(0)
    for i in range(out.size):
        h = f0 * x[i] + f1 * y[i] + f2 * z[i] + f3 * u[i] + f4 * v[i] + f5 * w[i]
        out[i] = h
        total += h
        squares += h * h
    return total, squares


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def turn_and_lead(vcg, breath, breath_step, angles, field, atrial_field, out):  # type: ignore[no-untyped-def]
    """Turn the heart vectors with the breath, and carry them to I, II, V1-V6. Single precision.

    Args:
        vcg: (6, samples) heart vectors in mV, ventricles and atria; turned in place.
        breath: respiration, about -1 to 1, one value every `breath_step` samples.
        angles: (3,) largest angle about x, y, z in rad, below 0.2.
        field: (8, 3) lead field of the ventricles.
        atrial_field: (8, 3) lead field of the atria.
        out: (8, samples), written.

    Returns:
        Mean over the eight leads of their power about the mean, in mV squared.
    """
    n = vcg.shape[1]
    total = np.zeros(8)
    squares = np.zeros(8)
    share = np.empty(min(n, _BLOCK), np.float32)
    for start in range(0, n, _BLOCK):
        stop = min(n, start + _BLOCK)
        for i in range(start, stop):
            x = i / breath_step
            j = min(int(x), breath.size - 2)
            share[i - start] = breath[j] + (x - j) * (breath[j + 1] - breath[j])
        for k in range(0, 6, 3):
            _turn(vcg[k, start:stop], vcg[k + 1, start:stop], vcg[k + 2, start:stop], share, angles)
        for lead in range(8):
            s, q = _lead(vcg, start, field[lead], atrial_field[lead], out[lead, start:stop])
            total[lead] += s
            squares[lead] += q
    power = 0.0
    for lead in range(8):
        power += squares[lead] / n - (total[lead] / n) ** 2
    return power / 8


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def electrodes_to_leads(electrode, out):  # type: ignore[no-untyped-def]
    """Potentials at RA, LA, LL, V1-V6 (samples, 9) to I, II, V1-V6 (8, samples)."""
    third = np.float32(1.0 / 3.0)
    for i in range(electrode.shape[0]):
        ra = electrode[i, 0]
        la = electrode[i, 1]
        ll = electrode[i, 2]
        central = (ra + la + ll) * third  # Wilson's terminal
        out[0, i] = la - ra
        out[1, i] = ll - ra
        for k in range(6):
            out[2 + k, i] = electrode[i, 3 + k] - central


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def add_slow(slow, w0, w1, w2, w3, out):  # type: ignore[no-untyped-def]
    """Add slow noise (leads, knots) to `out` (leads, samples), interpolated between the knots.

    w0..w3 (factor,) hold the Catmull-Rom weights of the four knots around each sample between two
    knots. The first knot lies one step before the first sample.
    """
    leads, n = out.shape
    factor = w0.size
    whole = n // factor
    for k in range(leads):
        for j in range(whole):
            s0 = slow[k, j]
            s1 = slow[k, j + 1]
            s2 = slow[k, j + 2]
            s3 = slow[k, j + 3]
            start = j * factor
            for p in range(factor):
                out[k, start + p] += w0[p] * s0 + w1[p] * s1 + w2[p] * s2 + w3[p] * s3
        for i in range(whole * factor, n):
            p = i - whole * factor
            j = whole
            out[k, i] += w0[p] * slow[k, j] + w1[p] * slow[k, j + 1] + w2[p] * slow[k, j + 2] + w3[p] * slow[k, j + 3]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def add_mains(cos_step, sin_step, real, imag, third, wave, out):  # type: ignore[no-untyped-def]
    """Add the mains oscillator with a share `third` of its third harmonic to (leads, samples).

    `wave` (2, samples) is scratch for its two phases.
    """
    leads, n = out.shape
    c = 1.0
    s = 0.0
    for i in range(n):
        wave[0, i] = c + third * c * (4 * c * c - 3)
        wave[1, i] = s + third * s * (3 - 4 * s * s)
        c, s = c * cos_step - s * sin_step, s * cos_step + c * sin_step
        if i % 1024 == 1023:
            r = 1.0 / math.sqrt(c * c + s * s)
            c *= r
            s *= r
    for k in range(leads):
        a = real[k]
        b = imag[k]
        for i in range(n):
            out[k, i] += a * wave[0, i] - b * wave[1, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def centre_leads(out):  # type: ignore[no-untyped-def]
    """Take each lead's mean from (leads, samples); return the mean power over the leads."""
    leads, n = out.shape
    power = 0.0
    for k in range(leads):
        total = 0.0
        for i in range(n):
            total += out[k, i]
        mean = np.float32(total / n)
        squares = 0.0
        for i in range(n):
            out[k, i] -= mean
            squares += out[k, i] * out[k, i]
        power += squares / n
    return power / leads


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def twelve(clean, noise, gain, out):  # type: ignore[no-untyped-def]
    """Write clean + gain * noise of I, II, V1-V6 and the four derived leads to `out` (12, samples).

    The derived leads come from the stored single-precision I and II, so that Einthoven's and
    Goldberger's laws hold to the rounding of one number.
    """
    n = clean.shape[1]
    for i in range(n):
        out[0, i] = np.float32(clean[0, i] + gain * noise[0, i])
        out[1, i] = np.float32(clean[1, i] + gain * noise[1, i])
    for i in range(n):
        a = np.float64(out[0, i])
        b = np.float64(out[1, i])
        out[2, i] = b - a
        out[3, i] = -0.5 * (a + b)
        out[4, i] = a - 0.5 * b
        out[5, i] = b - 0.5 * a
    for lead in range(2, 8):
        for i in range(n):
            out[lead + 4, i] = clean[lead, i] + gain * noise[lead, i]


@njit(cache=True, nogil=True, error_model="numpy")
def draw_oscillation(cycles, depth, direction, harmonics, out):  # type: ignore[no-untyped-def]
    """Add an atrial oscillation to the heart vector: a sawtooth of a few harmonics.

    Args:
        cycles: (samples,) phase in cycles.
        depth: (samples,) slow amplitude.
        direction: (3, harmonics) dipole of each harmonic.
        harmonics: number of harmonics used.
        out: (3, samples), added to.
    """
    for i in range(cycles.size):
        phi = 2.0 * math.pi * cycles[i]
        s1 = math.sin(phi)
        c2 = 2.0 * math.cos(phi)
        before = 0.0
        now = s1
        for m in range(harmonics):
            v = depth[i] * now
            out[0, i] += direction[0, m] * v
            out[1, i] += direction[1, m] * v
            out[2, i] += direction[2, m] * v
            before, now = now, c2 * now - before


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def innovations(key, start, level, slope, out):  # type: ignore[no-untyped-def]
    """Fill `out` with white noise, a function of three 32-bit words and a counter from `start` on.

    A counter needs no state, so the loop runs in vector lanes. The mixing is a multiply and xor-shift
    hash of 32 bits (multipliers of Wellons' hash prospector); an innovation is the sum of the hash's
    two halves, centred: triangular, and near to normal behind a filter. Its standard deviation is
    `level` at first and grows by `slope` a sample.
    """
    scale = np.float32(1 / 26754.9)  # sqrt(6) / 65536: unit standard deviation
    height = np.float32(level * scale)
    growth = np.float32(slope * scale)
    k0, k1, k2 = key[0], key[1], key[2]
    first = np.uint32(start)
    for i in range(out.size):
        h = np.uint32(np.uint32(np.uint32(first + np.uint32(i)) * np.uint32(0x9E3779B1)) + k0)
        h = np.uint32(h ^ (h >> np.uint32(16)))
        h = np.uint32(np.uint32(h * np.uint32(0x7FEB352D)) ^ k1)
        h = np.uint32(h ^ (h >> np.uint32(15)))
        h = np.uint32(np.uint32(h * np.uint32(0x846CA68B)) + k2)
        h = np.uint32(h ^ (h >> np.uint32(16)))
        two = np.int32(np.int32(h & np.uint32(0xFFFF)) + np.int32(h >> np.uint32(16)) - np.int32(65535))
        out[i] = (height + growth * np.float32(np.int32(i))) * np.float32(two)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _resonate(w, x, y, z, a1, a2):  # type: ignore[no-untyped-def]
    """Run four rows of noise through one AR(2) filter in place; side by side, since each waits for itself."""
    w1 = w2 = x1 = x2 = y1 = y2 = z1 = z2 = np.float32(0)
    for i in range(w.size):
        wi = (w[i] - a2 * w2) - a1 * w1
        xi = (x[i] - a2 * x2) - a1 * x1
        yi = (y[i] - a2 * y2) - a1 * y1
        zi = (z[i] - a2 * z2) - a1 * z1
        w2, x2, y2, z2 = w1, x1, y1, z1
        w1, x1, y1, z1 = wi, xi, yi, zi
        w[i], x[i], y[i], z[i] = wi, xi, yi, zi


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _difference(a, b, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] = a[i] - b[i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def draw_muscle(key, a1, a2, gain, envelope, envelope_step, out):  # type: ignore[no-untyped-def]
    """Write AR(2) noise of nine electrodes under a slow envelope to I, II, V1-V6 in `out` (8, samples).

    The envelope is on the innovations: it is slow beside the filter's memory.

    Args:
        key: (3,) words from the record's stream.
        a1, a2, gain: the filter.
        envelope: (electrodes, knots) height, linear between knots.
        envelope_step: samples between two knots.
        out: written.
    """
    n = out.shape[1]
    third = np.float32(1.0 / 3.0)
    e = np.empty((ELECTRODES, int(math.ceil(envelope_step))), np.float32)
    centre = np.empty(e.shape[1], np.float32)
    start = 0
    for j in range(envelope.shape[1] - 1):
        stop = n if j == envelope.shape[1] - 2 else min(n, int((j + 1) * envelope_step))
        m = stop - start
        for k in range(ELECTRODES):
            slope = gain * (envelope[k, j + 1] - envelope[k, j]) / envelope_step
            level = gain * envelope[k, j] + slope * (start - j * envelope_step)
            innovations(key, (k << 28) + start, level, slope, e[k, :m])
        for i in range(m):
            centre[i] = (e[0, i] + e[1, i] + e[2, i]) * third  # Wilson's terminal
        _difference(e[1, :m], e[0, :m], out[0, start:stop])
        _difference(e[2, :m], e[0, :m], out[1, start:stop])
        for k in range(6):
            _difference(e[3 + k, :m], centre[:m], out[2 + k, start:stop])
        start = stop
    for k in range(0, 8, 4):
        _resonate(out[k], out[k + 1], out[k + 2], out[k + 3], a1, a2)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def draw_slow(key, z, motion, a1, a2, run_in, wander, hz, out):  # type: ignore[no-untyped-def]
    """Write electrode motion and baseline wander at `hz` to `out` (steps, electrodes).

    Motion is AR(2) noise at each electrode, of `motion` mV innovation there; wander is a sum of
    slow oscillators of `wander` (2, oscillators: Hz, sd). `z` are standard normals: first nine for
    how much each electrode moves, then 19 per oscillator. `key` (3,) starts the innovations.
    """
    n = out.shape[0]
    out[:, :] = np.float32(0)
    y1 = np.zeros(ELECTRODES, np.float32)
    y2 = np.zeros(ELECTRODES, np.float32)
    gain = np.empty(ELECTRODES, np.float32)
    for k in range(ELECTRODES):
        gain[k] = motion * math.exp(0.6 * z[k] - 0.36)
    if motion > 0:
        white = np.empty((run_in + n, ELECTRODES), np.float32)
        innovations(key, 0, 1.0, 0.0, white.reshape(-1))
        for i in range(-run_in, n):
            for k in range(ELECTRODES):
                y = white[run_in + i, k] - a1 * y1[k] - a2 * y2[k]
                y2[k] = y1[k]
                y1[k] = y
                if i >= 0:
                    out[i, k] = gain[k] * y
    for f in range(wander.shape[1]):
        at = ELECTRODES + 19 * f
        step = 2.0 * math.pi * wander[0, f] * math.exp(0.2 * z[at]) / hz
        cos_step = math.cos(step)
        sin_step = math.sin(step)
        c = wander[1, f]
        s = 0.0
        for i in range(n):
            for k in range(ELECTRODES):
                out[i, k] += z[at + 1 + k] * c - z[at + 10 + k] * s
            c, s = c * cos_step - s * sin_step, s * cos_step + c * sin_step


@njit(cache=True, nogil=True, error_model="numpy")
def _component(wave, code, centre, width, dipole, start, step, out):  # type: ignore[no-untyped-def]
    out[:, :] = 0.0
    n = out.shape[1]
    for k in range(wave.size):
        if wave[k] != code:
            continue
        c = centre[k] - start
        w = width[k]
        lo = max(0, int(math.ceil((c - _REACH * w) / step)))
        hi = min(n - 1, int(math.floor((c + _REACH * w) / step)))
        d = step / w
        x = (lo * step - c) / w
        g = math.exp(-0.5 * x * x)
        ratio = math.exp(-x * d - 0.5 * d * d)
        shrink = math.exp(-d * d)
        for i in range(lo, hi + 1):
            for axis in range(3):
                out[axis, i] += dipole[k, axis] * g
            g *= ratio
            ratio *= shrink


@njit(cache=True, nogil=True, error_model="numpy")
def scaled_height(centre, width, dipole, field, step, top, out):  # type: ignore[no-untyped-def]
    """Write the absolute height of kernels in twelve leads, scaled so that the largest is `top`; return the scale.

    Args:
        centre, width, dipole: kernels.
        field: (12, 3) lead field.
        step: grid step in seconds; the grid starts at R.
        top: largest height wanted.
        out: (12, grid), written.
    """
    n = out.shape[1]
    v = np.empty((3, n))
    _component(np.ones(centre.size, np.int64), 1, centre, width, dipole, 0.0, step, v)
    most = 0.0
    for lead in range(12):
        for i in range(n):
            out[lead, i] = abs(field[lead, 0] * v[0, i] + field[lead, 1] * v[1, i] + field[lead, 2] * v[2, i])
            most = max(most, out[lead, i])
    scale = top / most
    for lead in range(12):
        for i in range(n):
            out[lead, i] *= scale
    return scale


@njit(cache=True, nogil=True, error_model="numpy")
def _crossings(size, share, limits):  # type: ignore[no-untyped-def]
    """Write to `limits` the fractional indices of the outermost crossings and the peak of `size`."""
    n = size.size
    top = 0
    for i in range(n):
        if size[i] > size[top]:
            top = i
    rise = share[0] * size[top]
    fall = share[1] * size[top]
    i = 0
    while size[i] < rise:
        i += 1
    j = n - 1
    while size[j] < fall:
        j -= 1
    limits[0] = float(i)
    if i > 0:
        limits[0] -= (size[i] - rise) / (size[i] - size[i - 1])
    limits[1] = float(top)
    limits[2] = float(j)
    if j < n - 1:
        limits[2] += (size[j] - fall) / (size[j] - size[j + 1])
    return size[top]


@njit(cache=True, nogil=True, error_model="numpy")
def wave_limits(wave, centre, width, dipole, field, atrial_field, windows, step, share, margin, least_mv, out):  # type: ignore[no-untyped-def]
    """Write onset, peak and offset of P, QRS and T in each of twelve leads to `out` (13, 3, 3).

    Row 12 is the whole heart: the same limits in the root mean square of the eight independent
    leads. Seconds from R; NaN where the wave is below `least_mv`.

    Args:
        wave, centre, width, dipole: kernels of one beat type.
        field, atrial_field: (12, 3) lead fields of all twelve leads, of the ventricles and the atria.
        windows: (3, 2) first and last second that is looked at for each wave.
        step: grid step in seconds.
        share: (3, 2) share of the peak whose crossing is looked for at onset and offset.
        margin: (3, 2) seconds by which the limits lie outside the crossings.
        least_mv: (3,) peak below which the wave is absent in a lead.
    """
    out[:, :, :] = np.nan
    here = np.empty(3)
    joint = np.empty(3)
    for code in range(3):
        start = windows[code, 0]
        n = int((windows[code, 1] - start) / step) + 1
        v = np.zeros((3, n))
        _component(wave, code, centre, width, dipole, start, step, v)
        size = np.zeros(n)
        leads = np.empty((12, n))
        here_field = atrial_field if code == 0 else field
        for lead in range(12):
            fx = here_field[lead, 0]
            fy = here_field[lead, 1]
            fz = here_field[lead, 2]
            for i in range(n):
                leads[lead, i] = abs(fx * v[0, i] + fy * v[1, i] + fz * v[2, i])
            if lead < 2 or lead > 5:
                for i in range(n):
                    size[i] += leads[lead, i] * leads[lead, i]
        for i in range(n):
            size[i] = math.sqrt(size[i] / 8)
        if _crossings(size, share[code], joint) < 1e-6:
            continue
        out[12, code, 0] = start + joint[0] * step - margin[code, 0]
        out[12, code, 1] = start + joint[1] * step
        out[12, code, 2] = start + joint[2] * step + margin[code, 1]
        for lead in range(12):
            if _crossings(leads[lead], share[code], here) < least_mv[code]:
                continue
            on = start + 0.5 * (here[0] + joint[0]) * step - margin[code, 0]
            off = start + 0.5 * (here[2] + joint[2]) * step + margin[code, 1]
            out[lead, code, 0] = on
            out[lead, code, 1] = start + here[1] * step
            out[lead, code, 2] = off
    for row in range(13):
        least = min(out[row, 2, 1], (out[row, 1, 2] if out[row, 1, 2] == out[row, 1, 2] else out[12, 1, 2]) + 0.030)
        if out[row, 2, 0] < least:
            out[row, 2, 0] = least


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(values, first, last):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(first, last):
        total += values[i]
    mean = total / (last - first)
    squares = 0.0
    for i in range(first, last):
        squares += (values[i] - mean) ** 2
    return mean, math.sqrt(squares / (last - first))


@njit(cache=True, nogil=True, error_model="numpy")
def sinus_beats(mean_s, sd_s, lf_hf, lf, hf, step_s, t_end, first_s, last_s, out):  # type: ignore[no-untyped-def]
    """Fill `out` (rows: time, RR, lf, hf at the beat) so that the beats' own statistics are as asked.

    Where a beat falls depends on the intervals before it, so gains and mean are corrected over three
    rounds until mean, standard deviation and band ratio hold on the beats between first_s and
    last_s. Returns the number of beats.
    """
    # Beats sample their own modulation: a second harmonic of the slow band falls into the fast one.
    # Its power, measured over rates of 50 to 110 bpm, is 4 (sd_lf / mean)^2 of the slow band's.
    leak = 4 * (sd_s / mean_s) ** 2 * lf_hf / (1 + lf_hf)
    lf_hf *= 1 + leak * (1 + lf_hf)
    sd_lf = sd_s * math.sqrt(lf_hf / (1 + lf_hf))
    sd_hf = sd_s * math.sqrt(1 / (1 + lf_hf))
    mean = mean_s
    a = sd_lf
    b = sd_hf
    count = 0
    joint = np.empty(out.shape[1])
    for _ in range(3):
        count = beat_times(mean, a, b, lf, hf, step_s, t_end, 0.35 * mean_s, out)
        if sd_s < 1e-7:  # a metronome
            break
        i = 0
        while i < count - 3 and out[0, i] < first_s:
            i += 1
        j = count
        while j > i + 3 and out[0, j - 1] > last_s:
            j -= 1
        mean_lf, s_lf = _moments(out[2], i, j)
        mean_hf, s_hf = _moments(out[3], i, j)
        a = sd_lf / max(s_lf, 1e-9)
        b = sd_hf / max(s_hf, 1e-9)
        for k in range(i, j):
            joint[k] = a * out[2, k] + b * out[3, k]
        shift, s = _moments(joint, i, j)
        a *= sd_s / s
        b *= sd_s / s
        mean = mean_s - shift * sd_s / s
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def preceding_rr(r_s):  # type: ignore[no-untyped-def]
    """Return the interval before each beat; the first beat takes its successor's."""
    out = np.empty_like(r_s)
    for k in range(1, r_s.size):
        out[k] = r_s[k] - r_s[k - 1]
    out[0] = out[1]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def adapted_rr(rr, memory_s, at_once):  # type: ignore[no-untyped-def]
    """Return the RR that repolarisation has adapted to at each beat, at least 0.2 s.

    A share `at_once` follows the last interval, the rest a first-order memory of `memory_s`.
    """
    mean = 0.0
    for k in range(rr.size):
        mean += rr[k]
    mean /= rr.size
    alpha = 1 - math.exp(-mean / memory_s)
    out = np.empty_like(rr)
    y = mean
    for k in range(rr.size):
        y += alpha * (rr[k] - y)
        out[k] = max(0.2, (1 - at_once) * y + at_once * rr[k])
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _turned(dipole, k, angle, a, b):  # type: ignore[no-untyped-def]
    c = math.cos(angle)
    s = math.sin(angle)
    u = dipole[k, a]
    v = dipole[k, b]
    dipole[k, a] = c * u - s * v
    dipole[k, b] = s * u + c * v


@njit(cache=True, nogil=True, error_model="numpy")
def vary_heart(wave, centre, width, dipole, field, atrial_field, z, sd):  # type: ignore[no-untyped-def]
    """Vary a heart in place by the standard normals `z` (at least 34 + 3 per kernel).

    Args:
        wave: (kernels,) wave codes.
        centre, width, dipole, field, atrial_field: changed.
        z: normals: 4 wave heights, 6 turns, 24 lead field, then per kernel place, width, height.
        sd: log sd of the four wave heights, turns about y and x in rad, log sd of place, width,
            height of one kernel, relative sd of the lead field.
    """
    for k in range(wave.size):
        code = wave[k]
        at = 34 + 3 * k
        centre[k] *= math.exp(sd[6] * z[at])
        width[k] *= math.exp(sd[7] * z[at + 1])
        gain = math.exp(sd[code] * z[code] + sd[8] * z[at + 2])
        for axis in range(3):
            dipole[k, axis] *= gain
        if code < 3:
            _turned(dipole, k, sd[5] * z[4 + 2 * code + 1], 1, 2)
            _turned(dipole, k, sd[4] * z[4 + 2 * code], 0, 2)
    for lead in range(8):
        for axis in range(3):
            field[lead, axis] *= 1.0 + sd[9] * z[10 + 3 * lead + axis]
            atrial_field[lead, axis] *= 1.0 + sd[9] * z[10 + 3 * lead + axis]


@njit(cache=True, nogil=True, error_model="numpy")
def turn_axis(wave, width, dipole, field, target, share):  # type: ignore[no-untyped-def]
    """Turn the QRS in the frontal plane, in place, until the axis of its net area is `target` (rad).

    Other waves follow by `share` (indexed by wave code), at most 0.9 rad.
    """
    x = 0.0
    y = 0.0
    z = 0.0
    for k in range(wave.size):
        if wave[k] == 1:
            x += dipole[k, 0] * width[k]
            y += dipole[k, 1] * width[k]
            z += dipole[k, 2] * width[k]
    total = 0.0
    for _ in range(6):
        c = math.cos(total)
        s = math.sin(total)
        u = c * x - s * y
        v = s * x + c * y
        one = field[0, 0] * u + field[0, 1] * v + field[0, 2] * z
        two = field[1, 0] * u + field[1, 1] * v + field[1, 2] * z
        now = math.atan2(2 * (two - one / 2), math.sqrt(3.0) * one)
        total += (target - now + math.pi) % (2 * math.pi) - math.pi
    total = (total + math.pi) % (2 * math.pi) - math.pi
    for k in range(wave.size):
        part = total * share[wave[k]]
        if wave[k] != 1:
            part = max(-0.9, min(0.9, part))
        _turned(dipole, k, part, 0, 1)


@njit(cache=True, nogil=True, error_model="numpy")
def retime(wave, centre, width, lim, pr, qrs, qt, p):  # type: ignore[no-untyped-def]
    """Stretch and shift the waves, in place, until PR, QRS, QT and the P duration are as asked.

    NaN leaves an interval. `lim` (13, 3, 3) moves with the kernels.
    """
    p_on = lim[12, 0, 0]
    p_off = lim[12, 0, 2]
    off = lim[12, 1, 2]
    t_off = lim[12, 2, 2]
    s_qrs = 1.0
    if not math.isnan(qrs):
        s_qrs = qrs / (off - lim[12, 1, 0])
    new_on = lim[12, 1, 0] * s_qrs
    new_off = off * s_qrs
    s_t = 1.0
    if not math.isnan(qt) and not math.isnan(t_off):
        s_t = max(0.25, (qt + new_on - new_off) / (t_off - off))
    s_p = 1.0
    start = p_on
    if not math.isnan(p_on):
        if not math.isnan(p):
            s_p = p / (p_off - p_on)
        if not math.isnan(pr):
            start = new_on - pr
    else:
        p_on = 0.0
        start = 0.0
    for k in range(wave.size):
        code = wave[k]
        if code == 0:
            centre[k] = start + (centre[k] - p_on) * s_p
            width[k] *= s_p
        elif code == 1 or code == 4:
            centre[k] *= s_qrs
            width[k] *= s_qrs
        else:
            centre[k] = new_off + (centre[k] - off) * s_t
            width[k] *= s_t
    for lead in range(13):
        for e in range(3):
            lim[lead, 0, e] = start + (lim[lead, 0, e] - p_on) * s_p
            lim[lead, 1, e] *= s_qrs
            lim[lead, 2, e] = new_off + (lim[lead, 2, e] - off) * s_t


@njit(cache=True, nogil=True, error_model="numpy")
def fill_waves(at, beat, limits, code, anchor, stretch, rows, start, fs_hz, n, out, count):  # type: ignore[no-untyped-def]
    """Append one row per event and lead to `out` (rows, 6): lead, wave, beat, onset, peak, offset.

    Args:
        at: (events,) time each wave's R stands for.
        beat: (events,) number of the beat, -1 for none.
        limits: (13, 3, 3) limits of the beat type.
        code: which wave.
        anchor, stretch: T is stretched by stretch[event] about anchor.
        rows: which of the 13 rows of `limits` are wanted, in order.
        start, fs_hz, n: the record.
        out, count: table and rows used so far.

    Returns:
        Rows used.
    """
    for e in range(at.size):
        for r in range(rows.size):
            on = at[e] - start + anchor + (limits[rows[r], code, 0] - anchor) * stretch[e]
            off = at[e] - start + anchor + (limits[rows[r], code, 2] - anchor) * stretch[e]
            if math.isnan(on) or math.isnan(off):
                continue
            peak = at[e] - start + anchor + (limits[rows[r], code, 1] - anchor) * stretch[e]
            first = int(round(on * fs_hz))
            last = int(round(off * fs_hz))
            if first < 0 or last >= n:
                continue
            out[count, 0] = r
            out[count, 1] = code
            out[count, 2] = beat[e]
            out[count, 3] = first
            out[count, 4] = min(max(int(round(peak * fs_hz)), first), last)
            out[count, 5] = last
            count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def band_spectrum(white, low, high, centre, sd, step_hz, out):  # type: ignore[no-untyped-def]
    """Fill `out` (bins,) with complex noise under a Gaussian cut to the bins of [low, high] Hz."""
    first = max(1, int(math.ceil(low / step_hz)))
    last = int(high / step_hz)
    for i in range(first, last + 1):
        j = 2 * (i - first)
        if j + 1 >= white.size:
            break
        g = math.exp(-0.25 * ((i * step_hz - centre) / sd) ** 2)
        out[i] = complex(g * white[j], g * white[j + 1])


@njit(cache=True, nogil=True, error_model="numpy")
def breath_cycles(slow, rate_hz, wander, step_s, start, out_cycles, out_cos, lag):  # type: ignore[no-untyped-def]
    """Sum a wandering respiratory rate to cycles, and give its cosine `lag` cycles later."""
    power = 0.0
    for i in range(slow.size):
        power += slow[i] * slow[i]
    scale = wander / math.sqrt(power / slow.size)
    cycles = start
    for i in range(slow.size):
        cycles += rate_hz * step_s * (1.0 + scale * slow[i])
        out_cycles[i] = cycles
        out_cos[i] = math.cos(2.0 * math.pi * (cycles - lag))


@njit(cache=True, nogil=True, error_model="numpy")
def breath_wave(cycles, step_s, start_s, hz, out):  # type: ignore[no-untyped-def]
    """Write the breath, a sawtooth of three terms of about unit height, at `hz` from start_s on."""
    for i in range(out.size):
        x = (start_s + i / hz) / step_s
        j = min(int(x), cycles.size - 2)
        phase = 2.0 * math.pi * (cycles[j] + (x - j) * (cycles[j + 1] - cycles[j]))
        s = math.sin(phase)
        c = math.cos(phase)
        # sin 2p = 2 s c and sin 3p = 3 s - 4 s^3
        out[i] = (s + 0.5 * s * c + (3.0 * s - 4.0 * s * s * s) / 9.0) / 1.16
