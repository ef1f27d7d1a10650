"""What studies a model: everything a notebook needs."""

import lazy_loader

# each name is imported when it is first asked for; `__init__.pyi` says where from
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
