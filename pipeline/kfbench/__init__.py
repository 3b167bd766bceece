"""Demo videos whose truth is known, and how far the pipeline is from it."""
