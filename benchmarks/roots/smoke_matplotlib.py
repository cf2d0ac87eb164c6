"""Figures are drawn with text, formulas and images, and written in each format; back ends are asked for.

Root: matplotlib; has compiled modules, data files, namespaces, entry points.
"""

import hashlib
import io
import os
from datetime import datetime, timezone
from pathlib import Path

os.environ["SOURCE_DATE_EPOCH"] = "0"

import matplotlib as mpl
import numpy as np
from matplotlib import animation, backends, cbook, dates, font_manager, patheffects, pyplot, style
from matplotlib.backends import registry
from matplotlib.tri import Triangulation

mpl.use("agg")
mpl.rcParams["svg.hashsalt"] = "salt"
x = np.linspace(0, 6, 50)
figure, axes = pyplot.subplots(2, 2, figsize=(6, 5), layout="constrained")
axes[0, 0].plot(x, np.sin(x), label=r"$\frac{a_1}{\sqrt{b}} \leq \int_0^\infty$")
axes[0, 0].legend(title="títle")
axes[0, 1].contourf(np.outer(x, x), levels=5)
axes[1, 0].plot([datetime(2024, month, 1, tzinfo=timezone.utc) for month in (1, 2, 5)], [1, 2, 3])
axes[1, 0].xaxis.set_major_formatter(dates.ConciseDateFormatter(axes[1, 0].xaxis.get_major_locator()))
axes[1, 1].imshow(np.eye(5), cmap="viridis")
axes[1, 1].text(1, 1, "x", path_effects=[patheffects.withStroke(linewidth=2)])
for suffix in ("png", "svg", "pdf", "ps", "jpg", "webp", "tif", "pgf"):
    file = io.BytesIO()
    try:
        figure.savefig(file, format=suffix, dpi=50)
        print(suffix, len(file.getvalue()) > 1000, hashlib.sha256(file.getvalue()).hexdigest()[:12])
    except Exception as error:
        print(suffix, type(error).__name__, str(error)[:60])
print("fonts", Path(font_manager.findfont("DejaVu Sans")).name, Path(font_manager.findfont("cmr10")).name)
print(
    "styles",
    len(style.available),
    "maps",
    len(mpl.colormaps) > 100,
    "data",
    cbook.get_sample_data("topobathy.npz", asfileobj=False)[-14:],
)
print("ticks", [each.get_text() for each in axes[1, 0].get_xticklabels()][:3])
print("animation", sorted(animation.writers.list()), Triangulation([0, 1, 0, 1], [0, 0, 1, 1]).triangles.tolist())
print("back ends", registry.backend_registry.list_all())
for name in ("qtagg", "tkagg", "gtk4cairo", "cairo", "wxagg", "webagg", "module://none"):
    try:
        pyplot.switch_backend(name)
        print(name, "works")
    except Exception as error:
        print(name, type(error).__name__, str(error).splitlines()[0][:70])
try:
    pyplot.figure().add_subplot(projection="3d").plot_surface(*np.meshgrid(x, x), np.outer(x, x))
    print("3d works", backends.backend_agg.RendererAgg.__name__)
except Exception as error:
    print("3d", error)
