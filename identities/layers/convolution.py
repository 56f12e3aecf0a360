"""Convolutions, over one, two or three axes of space, transposed ones, and those of each channel by itself.

As in networks, they are correlations: the kernel is not flipped. A convolution is linear in the image and in the
kernel, so that three maps are all there is: the convolution, its transpose in the image, and its transpose in the
kernel. Each is a convolution again, `jax.lax.conv_general_dilated`.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeAlias

import jax
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Domain, Drawn, real
from identities.layers.windows import Dilation, Padding, Stride, few, space
from identities.signature import Static
from identities.sources import paper, torch

Groups: TypeAlias = Annotated[int, Static(1, 2)]
_CONVOLVED = "({n}+2*padding-dilation*({k}-1)-1)//stride+1"
_TRANSPOSED = "({n}-1)*stride-2*padding+dilation*({k}-1)+output_padding+1"


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

_T, _H, _U = (_CONVOLVED.format(n=n, k=k) for n, k in ("tk", "hl", "um"))
Convolved: TypeAlias = (
    Float[Array, f"b groups*f {_T}"]
    | Float[Array, f"b groups*f {_T} {_H}"]
    | Float[Array, f"b groups*f {_T} {_H} {_U}"]
)
_T, _H, _U = (_TRANSPOSED.format(n=n, k=k) for n, k in ("tk", "hl", "um"))
Transposed: TypeAlias = (
    Float[Array, f"b groups*f {_T}"]
    | Float[Array, f"b groups*f {_T} {_H}"]
    | Float[Array, f"b groups*f {_T} {_H} {_U}"]
)


class _Convolution(NamedTuple):
    """What is between an image and its kernel, the same along each axis: `padding` is in front of it."""

    stride: int
    padding: int
    dilation: int
    groups: int

    def _ends(self, n: int, k: int, count: int) -> int:
        """What is missing behind n entries for the last of so many places of a kernel of size k."""
        return self.stride * (count - 1) + self.dilation * (k - 1) + 1 - n - self.padding

    def of(self, x: Array, w: Array, sizes: Sequence[int]) -> Array:
        """The convolution, of an image of channels (groups c) with a kernel (groups f, c), to those sizes."""
        ends = [self._ends(*n) for n in zip(x.shape[2:], w.shape[2:], sizes, strict=True)]
        return jax.lax.conv_general_dilated(
            x,
            w,
            [self.stride] * len(sizes),
            [(self.padding, end) for end in ends],
            rhs_dilation=[self.dilation] * len(sizes),
            feature_group_count=self.groups,
        )

    def to_image(self, z: Array, w: Array, sizes: Sequence[int]) -> Array:
        """The transpose in the image, of those sizes: with the kernel turned around, over entries a stride apart."""
        reach = [self.dilation * (k - 1) for k in w.shape[2:]]
        ends = [self._ends(n, k, m) for n, k, m in zip(sizes, w.shape[2:], z.shape[2:], strict=True)]
        f, c = w.shape[0] // self.groups, w.shape[1]
        turned = jax.lax.rev(w, tuple(space(w))).reshape(self.groups, f, c, *w.shape[2:]).swapaxes(1, 2)
        return jax.lax.conv_general_dilated(
            z,
            turned.reshape(self.groups * c, f, *w.shape[2:]),
            [1] * len(sizes),
            [(r - self.padding, r - end) for r, end in zip(reach, ends, strict=True)],
            lhs_dilation=[self.stride] * len(sizes),
            rhs_dilation=[self.dilation] * len(sizes),
            feature_group_count=self.groups,
        )

    def to_kernel(self, x: Array, z: Array, sizes: Sequence[int]) -> Array:
        """The transpose in the kernel, of those sizes: a convolution of x with z, of which the images are the channels.

        Its groups are groups of channels too, which XLA has quicker than groups of images.
        """
        ends = [self._ends(n, k, m) for n, k, m in zip(x.shape[2:], sizes, z.shape[2:], strict=True)]
        b, c = x.shape[0], x.shape[1] // self.groups
        images = x.reshape(b, self.groups, c, *x.shape[2:]).swapaxes(0, 2)
        axes = tuple(space(x))
        return jax.lax.conv_general_dilated(
            images.reshape(c, self.groups * b, *x.shape[2:]),
            z,
            [self.dilation] * len(sizes),
            [(self.padding, end) for end in ends],
            rhs_dilation=[self.stride] * len(sizes),
            dimension_numbers=jax.lax.ConvDimensionNumbers((0, 1, *axes), (1, 0, *axes), (1, 0, *axes)),
            feature_group_count=self.groups,
        )


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
    padding: Padding = 0,
    dilation: Dilation = 1,
    groups: Groups = 1,
) -> Convolved:
    """Each output channel is a sum over windows of the input channels of its group, times a kernel, plus a bias."""
    between = _Convolution(stride, padding, dilation, groups)
    sizes = [
        (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    ]
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
    between = _Convolution(stride, padding, dilation, groups)
    return between.to_image(delta, w, x.shape[2:]), between.to_kernel(x, delta, w.shape[2:]), _over_channels(delta)


@checked
def conv_transpose(
    x: Images,
    w: TransposedKernels,
    b: Biases,
    stride: Annotated[int, Static(1, 3, first=2)] = 1,  # which is to be more than the padding of the output
    padding: Padding = 0,
    output_padding: Padding = 0,
    groups: Groups = 1,
    dilation: Dilation = 1,
) -> Transposed:
    """The transpose of a convolution in its image, plus a bias: every entry adds a kernel to the result."""
    between = _Convolution(stride, padding, dilation, groups)
    sizes = [
        (n - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1
        for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    ]
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
    between = _Convolution(stride, padding, dilation, groups)
    return between.of(delta, w, x.shape[2:]), between.to_kernel(delta, x, w.shape[2:]), _over_channels(delta)


# Each channel by itself, from the entries so far: what stands before a selective scan.


@checked
def depthwise_causal_conv(
    x: Annotated[Float[Array, "b c t"], few], w: Annotated[Float[Array, "c k"], fewer], b: Float[Array, " c"]
) -> Float[Array, "b c t"]:
    """Each channel is convolved with its own kernel, whose last entry meets the present, plus a bias."""
    c, k = w.shape
    return _Convolution(1, k - 1, 1, c).of(x, w[:, None], x.shape[2:]) + b[:, None]


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
    between = _Convolution(1, k - 1, 1, c)
    dw = between.to_kernel(x, delta, (k,))
    return between.to_image(delta, w[:, None], x.shape[2:]), dw[:, 0], _over_channels(delta)
