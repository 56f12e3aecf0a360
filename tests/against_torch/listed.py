"""The functions of torch.nn.functional, as its documentation lists them."""

_NAMES = """
conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d unfold fold
avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d max_unpool1d max_unpool2d max_unpool3d lp_pool1d
lp_pool2d lp_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d adaptive_avg_pool1d
adaptive_avg_pool2d adaptive_avg_pool3d fractional_max_pool2d fractional_max_pool3d
scaled_dot_product_attention
threshold relu hardtanh hardswish relu6 elu selu celu leaky_relu prelu rrelu glu gelu logsigmoid hardshrink
tanhshrink softsign softplus softmin softmax softshrink gumbel_softmax log_softmax tanh sigmoid hardsigmoid silu
mish batch_norm group_norm instance_norm layer_norm local_response_norm rms_norm normalize
linear bilinear
dropout alpha_dropout feature_alpha_dropout dropout1d dropout2d dropout3d
embedding embedding_bag one_hot
pairwise_distance cosine_similarity pdist
binary_cross_entropy binary_cross_entropy_with_logits poisson_nll_loss cosine_embedding_loss cross_entropy ctc_loss
gaussian_nll_loss hinge_embedding_loss kl_div l1_loss mse_loss margin_ranking_loss multilabel_margin_loss
multilabel_soft_margin_loss multi_margin_loss nll_loss huber_loss smooth_l1_loss soft_margin_loss
triplet_margin_loss triplet_margin_with_distance_loss
pixel_shuffle pixel_unshuffle pad interpolate grid_sample affine_grid
"""

LISTED = _NAMES.split()
"""By name; in-place spellings and aliases count with their function."""
