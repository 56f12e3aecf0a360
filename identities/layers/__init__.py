"""Layers of networks: what is written for `torch.nn.functional`, and what transformers and their kin are made of.

Each is a function with its options, and one identity that returns the gradient of every argument that has one.
"""

# Importing one puts its identities into the catalog.
from identities.layers import adaptive_pooling as adaptive_pooling
from identities.layers import convolution as convolution
from identities.layers import losses as losses
from identities.layers import normalisation as normalisation
from identities.layers import pooling as pooling
from identities.layers import unpooling as unpooling
from identities.layers import windows as windows
