"""HMR2.0's image feature, which GVHMR's published weights were trained with: one token a frame."""
