"""The errors of a verdict as a picture: a dot for each dtype and witness, on a scale that ends beyond what passes."""

from collections.abc import Mapping

from markupsafe import Markup

from identities.oracle.reference.unit import TOLERANCE

_LEFT, _WIDTH, _ROW, _TOP = 150, 360, 20, 8
_END = TOLERANCE * 1.15
_NAMES = {"jacfwd": "forward mode", "jacrev": "reverse mode", "differences": "differences"}


def plot_of(errors: Mapping[str, Mapping[str, float | None]]) -> Markup:
    """The plot, of errors by witness and then dtype; one that is infinite stands at the end."""
    rows = [(dtype, witness) for dtype in next(iter(errors.values())) for witness in errors]
    height = _TOP + _ROW * len(rows) + 24
    bottom = height - 22
    parts = [_tick(units, bottom) for units in range(0, TOLERANCE + 1, 2)]
    for i, (dtype, witness) in enumerate(rows):
        y, error = _TOP + _ROW * i + _ROW / 2, errors[witness][dtype]
        said = "infinite" if error is None else f"{error:.2f}"
        name = f"{dtype}, {_NAMES.get(witness, witness)}"
        parts.append(
            f'<text class="name" x="{_LEFT - 10}" y="{y + 4:g}" text-anchor="end">{name}</text>'
            f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:g}" y2="{y:g}"/>'
            f'<circle class="dot" cx="{_x(_END if error is None else error):.1f}" cy="{y:g}" r="4">'
            f"<title>{name}: {said}</title></circle>"
        )
    words = "; ".join(
        f"{dtype}, {_NAMES.get(w, w)}: {'infinite' if errors[w][dtype] is None else f'{errors[w][dtype]:.2f}'}"
        for dtype, w in rows
    )
    return Markup(
        f'<svg class="plot" role="img" aria-label="Errors in units of rounding. {words}" '
        f'width="{_LEFT + _WIDTH + 20}" height="{height}" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}">'
        f"{''.join(parts)}</svg>"
    )


def _tick(units: int, bottom: float) -> str:
    kind = "limit" if units == TOLERANCE else "grid"
    return (
        f'<line class="{kind}" x1="{_x(units):.1f}" x2="{_x(units):.1f}" y1="{_TOP}" y2="{bottom}"/>'
        f'<text x="{_x(units):.1f}" y="{bottom + 16}" text-anchor="middle">{units}</text>'
    )


def _x(units: float) -> float:
    return _LEFT + _WIDTH * min(units, _END) / _END
