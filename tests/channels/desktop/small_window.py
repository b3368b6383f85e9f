"""A window to be driven by tests: ``small_window.py TITLE [--blank | --over | --buttons FONT_PX WORD...]``."""

import os
import sys

os.environ.pop("QT_QPA_PLATFORM_PLUGIN_PATH", None)

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

application = QApplication(sys.argv[:1])
window = QWidget()
window.setWindowTitle(sys.argv[1])
if "--blank" in sys.argv:
    window.setStyleSheet("background: #336699")
elif "--over" in sys.argv:
    window.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint | Qt.WindowType.WindowStaysOnTopHint)
    window.setGeometry(0, 0, 1280, 800)
elif "--buttons" in sys.argv:
    size, *words = sys.argv[3:]
    window.setStyleSheet(f"font-size: {size}px")
    row = QHBoxLayout(window)
    for word in words:
        row.addWidget(QPushButton(word))
else:
    form = QFormLayout(window)
    form.addRow(QLabel("Name"), QLineEdit())
    form.addRow(QLabel("Town"), QLineEdit())
    window.setFixedSize(600, 200)
window.show()
sys.exit(application.exec())
