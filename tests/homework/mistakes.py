"""Mistakes that students make in the ten layers: what stands in `solution.py`, what they write, what is said of it."""

MISTAKES = {
    "affine_backward": ("db = np.sum(dout, axis=0)", "db = np.mean(dout, axis=0)", "b: factor: it returns 1/n times"),
    "relu_backward": ("dx = dout * (x > 0)", "dx = dout", "returned"),
    "conv_backward": ("dw += np.tensordot", "dw -= np.tensordot", "w: sign"),
    "max_pool_backward": ("dx = mask * dout", "dx = (0 * mask + 1.0) * dout", "missing-factor"),
    "batchnorm_backward": ("dx_hat - dx_hat.sum(axis=0) - x_hat", "dx_hat - x_hat", "x: missing-term"),
    "layernorm_backward": ("    dx -= x_hat * np.mean(dx_hat * x_hat, axis=1, keepdims=True)\n", "", "x: detached"),
    "dropout_backward": ("dx = dout * mask / p", "dx = dout * mask", "factor: it returns p times"),
    "softmax_loss_backward": (
        "    dx[np.arange(N), y] -= 1\n    dx /= N\n",
        "    dx[np.arange(N), y] -= 1\n",
        "reduction",
    ),
    "svm_loss_backward": ("axis=1)\n    dx /= N\n", "axis=1)\n", "reduction: it sums over n"),
    "lstm_step_backward": (
        "dprev_c = dc * f",
        "dprev_c = dnext_c * f",
        "prev_c: cotangent: it ignores the cotangent of",
    ),
}
