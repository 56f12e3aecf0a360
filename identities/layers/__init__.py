"""Layers of networks: what is written for `torch.nn.functional`, and what transformers and their kin are made of.

Each is a function with its options, and one identity that returns the gradient of every argument that has one.
"""

# Importing one puts its identities into the catalog.
from identities.layers import activations as activations
from identities.layers import adaptive_pooling as adaptive_pooling
from identities.layers import attention as attention
from identities.layers import channel_normalisation as channel_normalisation
from identities.layers import convolution as convolution
from identities.layers import distances as distances
from identities.layers import dropout as dropout
from identities.layers import dynamic_tanh as dynamic_tanh
from identities.layers import embedding as embedding
from identities.layers import experts as experts
from identities.layers import flash as flash
from identities.layers import gates as gates
from identities.layers import lengths as lengths
from identities.layers import linear_attention as linear_attention
from identities.layers import losses as losses
from identities.layers import normalisation as normalisation
from identities.layers import pooling as pooling
from identities.layers import positions as positions
from identities.layers import projection as projection
from identities.layers import rearranged as rearranged
from identities.layers import recurrent as recurrent
from identities.layers import reparametrised as reparametrised
from identities.layers import resampled as resampled
from identities.layers import sampled as sampled
from identities.layers import selective_scan as selective_scan
from identities.layers import softmaxes as softmaxes
from identities.layers import unpooling as unpooling
from identities.layers import windows as windows
