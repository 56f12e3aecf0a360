"""Convolutions, over one, two or three axes of space, transposed ones, and those of each channel by itself.

As in networks, they are correlations: the kernel is not flipped. A convolution is linear in the image and in the
kernel, so that three maps are all there is: the convolution, its transpose in the image, and its transpose in the
kernel. Each is a convolution again, `jax.lax.conv_general_dilated`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, TypeAlias

import jax
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Domain, Drawn, real
from identities.layers.windows import Dilation, Padding, Sizes, Stride, few, per_axis, space
from identities.options import FormOf, PerAxis, Static
from identities.sources import paper, torch

Groups: TypeAlias = Annotated[int, Static(1, 2)]
ConvPadding: TypeAlias = Annotated[Sizes | Literal["same"], PerAxis(0, 1, words=("same",))]
_CONVOLVED = "({n}+2*padding[{i}]-dilation[{i}]*({k}-1)-1)//stride[{i}]+1"
_SAME = "({n}-1)//stride[{i}]+1"
_TRANSPOSED = "({n}-1)*stride[{i}]-2*padding[{i}]+dilation[{i}]*({k}-1)+output_padding[{i}]+1"


fewer: Domain = real.drawn_so(Drawn(entries=40))
"""As many as make a kernel that is smaller than its image."""

Images: TypeAlias = Annotated[
    Float[Array, "b groups*c t"] | Float[Array, "b groups*c t h"] | Float[Array, "b groups*c t h u"], few
]
Kernels: TypeAlias = Annotated[
    Float[Array, "groups*f c k"] | Float[Array, "groups*f c k l"] | Float[Array, "groups*f c k l m"], fewer
]
TransposedKernels: TypeAlias = Annotated[
    Float[Array, "groups*c f k"] | Float[Array, "groups*c f k l"] | Float[Array, "groups*c f k l m"], fewer
]
Biases: TypeAlias = Float[Array, " groups*f"]

_SPACE = ("tk", "hl", "um")
_T, _H, _U = (_CONVOLVED.format(i=i, n=n, k=k) for i, (n, k) in enumerate(_SPACE))
_S, _R, _Q = (_SAME.format(i=i, n=n) for i, (n, _) in enumerate(_SPACE))
Convolved: TypeAlias = Annotated[
    Float[Array, f"b groups*f {_T}"]
    | Float[Array, f"b groups*f {_T} {_H}"]
    | Float[Array, f"b groups*f {_T} {_H} {_U}"]
    | Float[Array, f"b groups*f {_S}"]
    | Float[Array, f"b groups*f {_S} {_R}"]
    | Float[Array, f"b groups*f {_S} {_R} {_Q}"],
    FormOf("padding", same=1),
]
_T, _H, _U = (_TRANSPOSED.format(i=i, n=n, k=k) for i, (n, k) in enumerate(_SPACE))
Transposed: TypeAlias = (
    Float[Array, f"b groups*f {_T}"]
    | Float[Array, f"b groups*f {_T} {_H}"]
    | Float[Array, f"b groups*f {_T} {_H} {_U}"]
)


class _Convolution(NamedTuple):
    """What is between an image and its kernel, along each axis: `padding` is in front of it."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def _ends(self, sizes: Sequence[int], kernel: Sequence[int], counts: Sequence[int]) -> list[int]:
        """Along each axis, what is missing behind the entries for the last of so many places of a kernel."""
        along = zip(self.stride, self.padding, self.dilation, sizes, kernel, counts, strict=True)
        return [s * (count - 1) + d * (k - 1) + 1 - n - p for s, p, d, n, k, count in along]

    def of(self, x: Array, w: Array, sizes: Sequence[int]) -> Array:
        """The convolution, of an image of channels (groups c) with a kernel (groups f, c), to those sizes."""
        ends = self._ends(x.shape[2:], w.shape[2:], sizes)
        return jax.lax.conv_general_dilated(
            x,
            w,
            self.stride,
            [*zip(self.padding, ends, strict=True)],
            rhs_dilation=self.dilation,
            feature_group_count=self.groups,
        )

    def to_image(self, z: Array, w: Array, sizes: Sequence[int]) -> Array:
        """The transpose in the image, of those sizes: with the kernel turned around, over entries a stride apart."""
        reach = [d * (k - 1) for d, k in zip(self.dilation, w.shape[2:], strict=True)]
        ends = self._ends(sizes, w.shape[2:], z.shape[2:])
        # An axis with no padding and a kernel of the size of its stride is a batch to XLA on the CPU, which ends the
        # process where other axes have larger kernels than images (jaxlib 0.10 and 0.12): it gets one entry too many.
        taken_for_batch = [k == s > 1 for k, s in zip(w.shape[2:], self.stride, strict=True)]
        along = zip(reach, self.padding, ends, taken_for_batch, strict=True)
        around = [(0, 1) if (r - p, r - end) == (0, 0) and taken else (r - p, r - end) for r, p, end, taken in along]
        f, c = w.shape[0] // self.groups, w.shape[1]
        turned = jax.lax.rev(w, tuple(space(w))).reshape(self.groups, f, c, *w.shape[2:]).swapaxes(1, 2)
        image = jax.lax.conv_general_dilated(
            z,
            turned.reshape(self.groups * c, f, *w.shape[2:]),
            [1] * len(sizes),
            around,
            lhs_dilation=self.stride,
            rhs_dilation=self.dilation,
            feature_group_count=self.groups,
        )
        return image[:, :, *map(slice, sizes)]

    def to_kernel(self, x: Array, z: Array, sizes: Sequence[int]) -> Array:
        """The transpose in the kernel, of those sizes: a convolution of x with z, of which the images are the channels.

        Its groups are groups of channels too, which XLA has quicker than groups of images.
        """
        ends = self._ends(x.shape[2:], sizes, z.shape[2:])
        b, c = x.shape[0], x.shape[1] // self.groups
        images = x.reshape(b, self.groups, c, *x.shape[2:]).swapaxes(0, 2)
        axes = tuple(space(x))
        return jax.lax.conv_general_dilated(
            images.reshape(c, self.groups * b, *x.shape[2:]),
            z,
            self.dilation,
            [*zip(self.padding, ends, strict=True)],
            rhs_dilation=self.stride,
            dimension_numbers=jax.lax.ConvDimensionNumbers((0, 1, *axes), (1, 0, *axes), (1, 0, *axes)),
            feature_group_count=self.groups,
        )


def _between(x: Array, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> _Convolution:
    count = x.ndim - 2
    return _Convolution(per_axis(stride, count), per_axis(padding, count), per_axis(dilation, count), groups)


def _in_front(x: Array, w: Array, stride: Sizes, padding: Sizes | str, dilation: Sizes) -> Sizes:
    """The padding in front of an image, where it may be given as "same" too."""
    if not isinstance(padding, str):
        return padding
    numbers = (per_axis(stride, x.ndim - 2), per_axis(dilation, x.ndim - 2))
    along = zip(*numbers, x.shape[2:], w.shape[2:], strict=True)
    return [max((n - 1) // s * s + d * (k - 1) + 1 - n, 0) // 2 for s, d, n, k in along]


def _of_channels(b: Array, x: Array) -> Array:
    return b.reshape(-1, *[1] * len(space(x)))


def _over_channels(delta: Array) -> Array:
    """The sum over all but the channels."""
    return delta.sum((0, *space(delta)))


@checked
def conv(
    x: Images,
    w: Kernels,
    b: Biases,
    stride: Stride = 1,
    padding: ConvPadding = 0,
    dilation: Dilation = 1,
    groups: Groups = 1,
) -> Convolved:
    """Each output channel is a sum over windows of the input channels of its group, times a kernel, plus a bias.

    With `padding="same"` there are as many windows as strides fit into the image, and the padding that they need is
    behind it by one more than in front if it is odd.
    """
    between = _between(x, stride, _in_front(x, w, stride, padding, dilation), dilation, groups)
    along = zip(*between[:3], x.shape[2:], w.shape[2:], strict=True)
    if padding == "same":
        sizes = [(n - 1) // s + 1 for s, _, _, n, _ in along]
    else:
        sizes = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for s, p, d, n, k in along]
    return between.of(x, w, sizes) + _of_channels(b, x)


@vjp(
    conv,
    wrt=("x", "w", "b"),
    states=(
        r"\sum_{f, k} w_{f c k} \, \delta_{f, (t + p - d k) / s}",
        r"\sum_{b, t} \delta_{b f t} \, x_{b c, s t - p + d k}",
        r"\sum_{b, t} \delta_{b f t}",
    ),
    source=(torch("conv1d"), torch("conv2d"), torch("conv3d")),
    exact=True,
)
def conv_vjp(delta, x, w, b, stride=1, padding=0, dilation=1, groups=1):
    """The transposed convolution of the cotangent, and its correlation with the image; between entries are zeros."""
    between = _between(x, stride, _in_front(x, w, stride, padding, dilation), dilation, groups)
    return between.to_image(delta, w, x.shape[2:]), between.to_kernel(x, delta, w.shape[2:]), _over_channels(delta)


@checked
def conv_transpose(
    x: Images,
    w: TransposedKernels,
    b: Biases,
    stride: Annotated[Sizes, PerAxis(1, 3, first=2)] = 1,  # which is to be more than the padding of the output
    padding: Padding = 0,
    output_padding: Padding = 0,
    groups: Groups = 1,
    dilation: Dilation = 1,
) -> Transposed:
    """The transpose of a convolution in its image, plus a bias: every entry adds a kernel to the result."""
    between = _between(x, stride, padding, dilation, groups)
    along = zip(*between[:3], per_axis(output_padding, x.ndim - 2), x.shape[2:], w.shape[2:], strict=True)
    sizes = [(n - 1) * s - 2 * p + d * (k - 1) + more + 1 for s, p, d, more, n, k in along]
    return between.to_image(x, w, sizes) + _of_channels(b, x)


@vjp(
    conv_transpose,
    wrt=("x", "w", "b"),
    states=(
        r"\sum_{f, k} w_{c f k} \, \delta_{f, s t - p + d k}",
        r"\sum_{b, t} x_{b c t} \, \delta_{b f, s t - p + d k}",
        r"\sum_{b, t} \delta_{b f t}",
    ),
    source=(torch("conv_transpose1d"), torch("conv_transpose2d"), torch("conv_transpose3d")),
    exact=True,
)
def conv_transpose_vjp(delta, x, w, b, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The convolution of the cotangent, which is in the place of the image, as x is in that of the result."""
    between = _between(x, stride, padding, dilation, groups)
    return between.of(delta, w, x.shape[2:]), between.to_kernel(delta, x, w.shape[2:]), _over_channels(delta)


# Each channel by itself, from the entries so far: what stands before a selective scan.


@checked
def depthwise_causal_conv(
    x: Annotated[Float[Array, "b c t"], few], w: Annotated[Float[Array, "c k"], fewer], b: Float[Array, " c"]
) -> Float[Array, "b c t"]:
    """Each channel is convolved with its own kernel, whose last entry meets the present, plus a bias."""
    c, k = w.shape
    return _Convolution((1,), (k - 1,), (1,), c).of(x, w[:, None], x.shape[2:]) + b[:, None]


@vjp(
    depthwise_causal_conv,
    wrt=("x", "w", "b"),
    states=(
        r"\sum_k w_{c k} \, \delta_{c, t + K - k}",
        r"\sum_{b, t} \delta_{b c t} \, x_{b c, t - K + k}",
        r"\sum_{b, t} \delta_{b c t}",
    ),
    source=paper("Mamba", "Simplified SSM Architecture"),
    exact=True,
)
def depthwise_causal_conv_vjp(delta, x, w, b):
    """A convolution with the entries to come, and one of the whole sequence with the cotangent; K is the last k."""
    c, k = w.shape
    between = _Convolution((1,), (k - 1,), (1,), c)
    dw = between.to_kernel(x, delta, (k,))
    return between.to_image(delta, w[:, None], x.shape[2:]), dw[:, 0], _over_channels(delta)
