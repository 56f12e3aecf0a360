"""Recurrent cells and the LSTM, as PyTorch's modules have them, with given weights."""

from tests.clients import torch


def _with(module, weights, *inputs):
    return torch.func.functional_call(module, weights, inputs)


def _cell(name):
    def cell(x, *given, **options):
        *states, w_ih, w_hh, b_ih, b_hh = given
        module = getattr(torch.nn, name)(w_ih.shape[1], w_hh.shape[1], **options)
        weights = {"weight_ih": w_ih, "weight_hh": w_hh, "bias_ih": b_ih, "bias_hh": b_hh}
        rows = [a.reshape(-1, a.shape[-1]) for a in (x, *states)]  # cells take one leading axis, or none
        given = tuple(rows[1:]) if name == "LSTMCell" else rows[1]
        found = _with(module, weights, rows[0], given)
        found = found if isinstance(found, tuple) else (found,)
        return [a.reshape(states[0].shape) for a in found]

    return cell


def lstm(x, h, c, w_ih, w_hh, b_ih, b_hh):
    module = torch.nn.LSTM(w_ih.shape[1], w_hh.shape[1])
    weights = {"weight_ih_l0": w_ih, "weight_hh_l0": w_hh, "bias_ih_l0": b_ih, "bias_hh_l0": b_hh}
    outputs, (h, c) = _with(module, weights, x, (h[None], c[None]))
    return outputs, h[0], c[0]


IN_TORCH = {"rnn_cell": _cell("RNNCell"), "lstm_cell": _cell("LSTMCell"), "gru_cell": _cell("GRUCell"), "lstm": lstm}
