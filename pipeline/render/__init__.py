"""Draws people and robots without a screen."""
