"""What is studied: sequential recommenders in pure PyTorch.

To read one from the top: sasrec.py, recommender.py, transformer.py, attention.py. What AC-TSR adds
stands beside them: calibrated_attention.py, calibration.py, adversary.py.
"""

import lazy_loader

# each name is imported when it is first asked for; `__init__.pyi` says where from
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
