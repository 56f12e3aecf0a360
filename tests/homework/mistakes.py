"""Mistakes that students make in the ten layers: what stands in `solution.py`, what they write, what is said of it."""

MISTAKES = {
    "affine_backward": ("db = np.sum(dout, axis=0)", "db = np.mean(dout, axis=0)", "b: factor: it returns 1/n times"),
    "relu_backward": ("dx = dout * (x > 0)", "dx = dout * (dout > 0)", ""),
    "conv_backward": ("dw += np.tensordot", "dw = np.tensordot", "w: "),
    "max_pool_backward": ("dx = mask * dout", "dx = (0 * mask + 1.0) * dout", ""),
    "batchnorm_backward": ("dx_hat - dx_hat.sum(axis=0) - x_hat", "dx_hat - x_hat", "x: "),
    "layernorm_backward": ("    dx -= x_hat * np.mean(dx_hat * x_hat, axis=1, keepdims=True)\n", "", "x: "),
    "dropout_backward": ("dx = dout * mask / p", "dx = dout * mask", ""),
    "softmax_loss_backward": (
        "    dx[np.arange(N), y] -= 1\n    dx /= N\n",
        "    dx[np.arange(N), y] -= 1\n",
        "reduction",
    ),
    "svm_loss_backward": ("dx[np.arange(N), y] -= np.sum(margins > 0, axis=1)", "dx[np.arange(N), y] -= 1", ""),
    "lstm_step_backward": ("dag = dc * i * (1 - g**2)", "dag = dc * i * (1 - g)", ""),
}
