"""The window is tested without a screen."""

import os

# Before the first import of Qt or pyqtgraph, which read these once.
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["PYQTGRAPH_QT_LIB"] = "PySide6"
