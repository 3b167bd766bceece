"""The reviewer's desk: what is seen of a dataset, and what is decided on it; it knows no browser."""
