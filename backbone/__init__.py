"""Networks and their weights: MTCNN, IR-50 and its relatives, MobileFaceNet.

This package knows torch and files of weights; it never imports :mod:`grouping`.
"""
