"""The colours of figures and charts, apart from what draws them."""

# Okabe & Ito's palette (2008) without its yellow, which is lost on white
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
