"""A dataset as a whole: its index and card, whether it is sound, what is left over, how two differ, where it goes."""
