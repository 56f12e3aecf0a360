"""Homework as a course on neural networks has it: ten layers in NumPy, with caches and dicts of parameters."""

import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(len(x), -1) @ w + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(len(x), -1).T @ dout
    return dx, dw, dout.sum(axis=0)


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def batchnorm_forward(x, gamma, beta, bn_param):
    if bn_param["mode"] != "train":
        raise ValueError("only the mode of training is done yet")
    eps = bn_param.get("eps", 1e-5)
    centred = x - x.mean(axis=0)
    std = np.sqrt((centred**2).mean(axis=0) + eps)
    bn_param["running_mean"] = x.mean(axis=0)
    normed = centred / std
    return gamma * normed + beta, (normed, std, gamma)


def batchnorm_backward(dout, cache):
    normed, std, gamma = cache
    n = len(dout)
    dnormed = dout * gamma
    dx = (n * dnormed - dnormed.sum(axis=0) - normed * (dnormed * normed).sum(axis=0)) / n / std
    return dx, (dout * normed).sum(axis=0), dout.sum(axis=0)


def layernorm_forward(x, gamma, beta, ln_param):
    centred = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + ln_param.get("eps", 1e-5))
    cache = {"normed": centred / std, "std": std, "gamma": gamma}
    return gamma * cache["normed"] + beta, cache


def layernorm_backward(dout, cache):
    normed = cache["normed"]
    dnormed = dout * cache["gamma"]
    dx = dnormed - dnormed.mean(axis=1, keepdims=True) - normed * (dnormed * normed).mean(axis=1, keepdims=True)
    return dx / cache["std"], (dout * normed).sum(axis=0), dout.sum(axis=0)


def conv_forward(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    size = w.shape[2]
    height, width = ((n - size) // stride + 1 for n in padded.shape[2:])
    out = np.empty((len(x), len(w), height, width), x.dtype)
    for i in range(height):
        for j in range(width):
            patch = padded[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            out[:, :, i, j] = np.tensordot(patch, w, ((1, 2, 3), (1, 2, 3))) + b
    return out, (padded, w, conv_param)


def conv_backward(dout, cache):
    padded, w, conv_param = cache
    stride, pad, size = conv_param["stride"], conv_param["pad"], w.shape[2]
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            window = np.s_[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            dpadded[window] += np.tensordot(dout[:, :, i, j], w, 1)
            dw += np.tensordot(dout[:, :, i, j], padded[window], ((0,), (0,)))
    end_h, end_w = padded.shape[2] - pad, padded.shape[3] - pad
    return dpadded[:, :, pad:end_h, pad:end_w], dw, dout.sum(axis=(0, 2, 3))


def max_pool_forward(x, pool_param):
    size, stride = pool_param["size"], pool_param["stride"]
    height, width = ((n - size) // stride + 1 for n in x.shape[2:])
    out = np.empty((*x.shape[:2], height, width), x.dtype)
    for i in range(height):
        for j in range(width):
            patch = x[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            out[:, :, i, j] = patch.max(axis=(2, 3))
    return out, (x, out, pool_param)


def max_pool_backward(dout, cache):
    x, out, pool_param = cache
    size, stride = pool_param["size"], pool_param["stride"]
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            window = np.s_[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            highest = x[window] == out[:, :, i, j][:, :, None, None]
            share = highest / highest.sum(axis=(2, 3), keepdims=True)
            dx[window] += share.astype(x.dtype) * dout[:, :, i, j][:, :, None, None]
    return dx


def word_embedding_forward(words, W):
    return W[words], (words, W.shape)


def word_embedding_backward(dout, cache):
    words, shape = cache
    dW = np.zeros(shape, dout.dtype)
    np.add.at(dW, words, dout)
    return dW


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    tanh = np.tanh(next_c)
    dc = dnext_c + dnext_h * o * (1 - tanh**2)
    gates = [dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * tanh * o * (1 - o), dc * i * (1 - g**2)]
    da = np.concatenate(gates, axis=1)
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(axis=0)


def softmax_loss(x, y):
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    n = len(x)
    dx = np.exp(log_p)
    dx[np.arange(n), y] -= 1
    return -log_p[np.arange(n), y].mean(), dx / n


def svm_loss(x, y):
    n = len(x)
    margins = np.maximum(0, x - x[np.arange(n), y][:, None] + 1.0)
    margins[np.arange(n), y] = 0
    dx = (margins > 0).astype(x.dtype)
    dx[np.arange(n), y] -= dx.sum(axis=1)
    return margins.sum() / n, dx / n
