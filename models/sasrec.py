"""SASRec (Kang & McAuley, ICDM 2018), plain, uniform, or with calibrated attention."""

from models.recommender import Recommender


class SASRec(Recommender):
    """A causal transformer over items and their positions: all that `Recommender` is by itself."""

    name = "SASRec"
