"""Tests of what signatures of images are, and what they say."""
