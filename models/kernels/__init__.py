"""Hand-written arithmetic: masked softmax, calibration terms, dropout, cross-entropy."""
