"""Losses: of numbers, of probabilities, of classes, of embeddings, and of what language models prefer.

Most are of many examples, and give their mean, their sum or all of them, as the option `reduction` says.
"""

# Importing one puts its identities into the catalog.
from identities.layers.losses import binary as binary
from identities.layers.losses import classes as classes
from identities.layers.losses import ctc as ctc
from identities.layers.losses import divergences as divergences
from identities.layers.losses import embeddings as embeddings
from identities.layers.losses import fused as fused
from identities.layers.losses import margins as margins
from identities.layers.losses import preferences as preferences
from identities.layers.losses import regression as regression
