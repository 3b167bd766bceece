"""Parts of `python -m benchmarks.retarget`: clips with known stances, metrics, peers, cold starts, real motion."""
