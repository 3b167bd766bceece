"""GVHMR: a transformer that recovers world-grounded motion from keypoints, boxes and camera rotation."""
