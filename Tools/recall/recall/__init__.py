"""Recall models beside vecd: from click logs to candidates.

    data/       readers of published click logs and a generator       split      what a model may see, and what it is asked
    models/     DSSM, YouTubeDNN, MIND, each beside its paper         losses     sampled softmax, temperature, logQ
    train       one loop for the three                                evaluate   HitRate, NDCG, coverage; exact and through vecd
    publish     vectors into a new generation, gates, then live       export     the user tower as ONNX
    store       every call to the daemon                              bundle     what a model version is on disk
"""

__version__ = "0.1.0"
