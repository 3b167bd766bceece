"""What the review page costs in a browser, and whether it keeps what it was told."""
