"""Texts for people, without layout: numbers, times, wait reasons and other sentences."""
